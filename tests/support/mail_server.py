"""An SMTP server in its own process: `python -m tests.support.mail_server PORT FOLDER [ascii]`.

Each mail becomes a file. The recipient decides the response: 550 for `refused@`, 451 for `later@`; for
`hangup@` the server accepts the mail and drops the connection before it confirms; for `slow@` it waits until
released.
"""

from __future__ import annotations

import asyncio
import email
import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.support.waiting import wait_until

REFUSALS = {"refused": "550 no such mailbox", "later": "451 come back later"}


class Handler:
    """Saves the mails it receives."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count(1)

    async def _may_go_on(self) -> bool:
        return (self._folder / "go").exists()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, to: str, _options: Any) -> str:
        refusal = REFUSALS.get(to.partition("@")[0])
        if refusal is None:
            envelope.rcpt_tos.append(to)
        return refusal or "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        part = self._folder / f"{uuid.uuid4()}.part"
        part.write_bytes(envelope.content)
        part.rename(part.with_name(f"{os.getpid()}-{next(self._numbers):06}.eml"))
        if envelope.rcpt_tos[0].startswith("hangup@"):
            server.transport.abort()
        if envelope.rcpt_tos[0].startswith("slow@"):
            await wait_until(self._may_go_on, "the signal to go on")
        return "250 taken"


class MailServer:
    """The server as seen by a test: its address and the mails it received."""

    def __init__(self, folder: Path, *, smtputf8: bool = True) -> None:
        self._folder, self._speaks = folder, [] if smtputf8 else ["ascii"]
        self._process: subprocess.Popen[str] | None = None
        self._read: dict[Path, EmailMessage] = {}
        self.port = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server; after a stop, again on the same port."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.mail_server",
                str(self.port),
                str(self._folder),
                *self._speaks,
            ],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def go_on(self) -> None:
        """Let the server confirm the slow mails."""
        (self._folder / "go").touch()

    def received(self) -> list[EmailMessage]:
        """The mails received, in order."""
        files = sorted(self._folder.glob("*.eml"), key=lambda it: it.stat().st_mtime_ns)
        for file in files:
            if file not in self._read:  # tests poll until it exists
                read = email.message_from_bytes(file.read_bytes(), policy=default)
                assert isinstance(read, EmailMessage)
                self._read[file] = read
        return [self._read[it] for it in files]

    def subjects(self) -> list[str]:
        """The subjects of the mails received."""
        return [it["Subject"] for it in self.received()]


@contextmanager
def mail_server(folder: Path, *, smtputf8: bool = True) -> Iterator[MailServer]:
    """A running server, stopped at the end."""
    server = MailServer(folder, smtputf8=smtputf8)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def serve(port: int, folder: Path, *, smtputf8: bool = True) -> None:
    """Receive mail until the process is stopped."""
    handler = Handler(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=smtputf8), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    with suppress(asyncio.CancelledError):
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), smtputf8="ascii" not in sys.argv[3:]))
