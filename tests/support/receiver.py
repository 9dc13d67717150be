"""Somebody else's server that takes webhooks: real HTTP on a loopback port, answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The body, after a receiver's own check of the signature."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Where it listens, what it got, and what it answers next (then `answer` again and again)."""

    url: str = ""
    answer: int = 200
    first: list[int] = field(default_factory=list)  # answers before that
    headers: str = ""  # further lines of its answers
    body: bytes = b""
    got: list[Got] = field(default_factory=list)

    def of(self, thread: str) -> list[str]:
        """The types it was told of one reservation, in the order they came, each message once."""
        seen = {it.message_id: it for it in reversed(self.got) if thread in it.body.decode()}
        return [it.document["type"] for it in self.got if seen.get(it.message_id) is it]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value for name, value in lines}
            body = await reader.readexactly(int(headers["content-length"]))
            self.got.append(Got(headers, body))
            status = self.first.pop(0) if self.first else self.answer
            writer.write(f"HTTP/1.1 {status} .\r\nconnection: close\r\n{self.headers}\r\n".encode())
            writer.write(self.body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(**answers: Any) -> AsyncIterator[Receiver]:
    """A receiver, for as long as the block lasts."""
    receiver = Receiver(**answers)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
