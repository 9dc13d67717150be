"""An external webhook receiver: real HTTP on a loopback port, with configurable responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as received."""

    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The body, after the receiver has verified the signature itself."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """The receiver's address, what it received, and its responses: `first`, then `answer` every time."""

    url: str = ""
    answer: int = 200
    first: list[int] = field(default_factory=list)  # the responses before that
    headers: str = ""  # additional header lines of its responses
    body: bytes = b""
    received: list[ReceivedRequest] = field(default_factory=list)

    def of(self, thread: str) -> list[str]:
        """The event types received for one reservation, in order of arrival, each message once."""
        first_copies = {it.message_id: it for it in reversed(self.received) if thread in it.body.decode()}
        return [it.document["type"] for it in self.received if first_copies.get(it.message_id) is it]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value for name, value in lines}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(ReceivedRequest(headers, body))
            status = self.first.pop(0) if self.first else self.answer
            writer.write(f"HTTP/1.1 {status} .\r\nconnection: close\r\n{self.headers}\r\n".encode())
            writer.write(self.body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(**answers: Any) -> AsyncIterator[Receiver]:
    """A receiver that runs until the block ends."""
    receiver = Receiver(**answers)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def never_answering() -> AsyncIterator[str]:
    """The address of a server that takes requests and does not answer."""
    connections: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for it in connections:
            it.close()
            with suppress(ConnectionError):
                await it.wait_closed()
