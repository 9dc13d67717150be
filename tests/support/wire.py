"""A connection between a client and a store that a test can cut and restore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Wire:
    """Forwards a loopback port; while it is cut, connections break and new ones are refused."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)  # of new connections
        self._silenced: set[asyncio.StreamWriter] = set()
        self._silences_new = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def restore(self) -> None:
        """Forward again, on the same port as before."""
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    def silence(self, *, later_ones: bool = False) -> None:
        """Silence the open connections: nothing gets through, but nothing is closed."""
        self._silenced |= self._writers
        self._silences_new = later_ones

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_target, to_target = await asyncio.open_connection(*self.target)
        await asyncio.gather(self._pump(reader, to_target), self._pump(from_target, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._silences_new:
            self._silenced.add(writer)
        with suppress(OSError):
            while sent := await reader.read(65536):
                if writer not in self._silenced:
                    writer.write(sent)
                    await writer.drain()
        self._writers.discard(writer)
        self._silenced.discard(writer)
        writer.transport.abort()


@asynccontextmanager
async def a_wire(host: str, port: int) -> AsyncIterator[Wire]:
    """A wire for the duration of a test, connected at first."""
    wire = Wire(host, port)
    await wire.restore()
    try:
        yield wire
    finally:
        await wire.cut()
