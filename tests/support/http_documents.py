"""A server of documents: real HTTP on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Documents:
    """What the server answers by path: a body, or the status of an error. `bodies` are those it was sent."""

    url: str = ""
    answers: dict[str, bytes | int] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            if length:
                self.bodies.append(await reader.readexactly(int(length)))
            answer = self.answers.get(head.split(" ")[1], 404)
            status, body = (answer, b"") if isinstance(answer, int) else (200, answer)
            writer.write(b"HTTP/1.1 %d .\r\nconnection: close\r\n\r\n%b" % (status, body))
            await writer.drain()
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Documents]:
    """A server that runs until the block ends."""
    documents = Documents()
    server = await asyncio.start_server(documents.serve, "127.0.0.1", 0)
    documents.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield documents
    finally:
        server.close()
        await server.wait_closed()
