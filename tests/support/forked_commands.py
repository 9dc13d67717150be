"""Run `fairgate` commands in forks of a process that has already imported the program, which saves most of
the start-up time.

Each command has its own arguments, environment, working directory and standard streams, and returns its exit
code, as when run from a shell. `tests/platform/test_refusals.py` compares the two ways. One that still runs
when this process ends gets SIGTERM.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO

from app.runtime.child_process import die_with_parent

STREAMS = 3
REQUEST_MAX = 1_000_000
BEGUN = b"+"  # the byte that carries the file descriptors
LOADED_LATE = (
    "httpx",
    "app.store.away",
    "app.runtime.supervisor",
    "app.notifications.channels.webhooks",
    "app.runtime.migrate",
    "app.doctor.examination",
)


@cache
def _address() -> str:
    """The socket of the warm process, which starts with the first command and ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-warm-"))
    address = str(folder / "s")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(64)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(listener.fileno())],
        pass_fds=[listener.fileno()],
        cwd=Path(__file__).parents[2],
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    listener.close()

    def end() -> None:
        process.terminate()
        process.wait()
        Path(address).unlink()
        folder.rmdir()

    atexit.register(end)
    return address


@dataclass(frozen=True)
class Forked:
    """A command that has been started; it sends its process id, and its exit code at the end."""

    _connection: socket.socket

    def exit_code(self, timeout_s: float) -> int:
        """Wait for the exit code. Raises TimeoutError; a killed command sends none."""
        self._connection.settimeout(timeout_s)
        with self._connection, self._connection.makefile("rb") as reply:
            _pid, code = reply.readline(), reply.readline()
        assert code, "the command was killed"
        return int(code)

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        with self._connection, self._connection.makefile("rb") as reply:
            os.kill(int(reply.readline()), signal.SIGKILL)
            reply.read()


def start(
    arguments: list[str], environment: dict[str, str], cwd: str | None, streams: list[IO[bytes]]
) -> Forked:
    """Start a command."""
    request = json.dumps([arguments, environment, cwd or os.getcwd()]).encode()
    assert len(request) < REQUEST_MAX
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(_address())
    socket.send_fds(connection, [BEGUN], [it.fileno() for it in streams])
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    return Forked(connection)


def _serve(listener: socket.socket) -> None:
    from app import cli

    for place in cli.COMMANDS.values():
        import_module(f"app.commands.{place.partition(':')[0]}")
    for name in LOADED_LATE:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps them
    begin = die_with_parent(signal.SIGTERM)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if begin is not None:
                begin()
            _run(connection)
        connection.close()


def _run(connection: socket.socket) -> None:
    """Run one command in the forked process."""
    _, streams, _, _ = socket.recv_fds(connection, len(BEGUN), STREAMS)
    request = b"".join(iter(lambda: connection.recv(65536), b""))
    arguments, environment, cwd = json.loads(request)
    connection.sendall(f"{os.getpid()}\n".encode())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    random.seed()
    sys.argv = ["fairgate", *arguments]
    from app import cli

    try:
        code: object = cli.run(arguments)
    except SystemExit as error:
        code = error.code or 0
    for written in (sys.stdout, sys.stderr):
        with suppress(OSError):
            written.flush()
    connection.sendall(str(code).encode())
    os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
