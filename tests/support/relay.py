"""A relay between a client and Fairgate that can be cut, so that nothing gets through in either direction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

ADDRESS_BYTES = {1: 4, 4: 16}  # for SOCKS5's IPv4 and IPv6; a name is preceded by its length
NAME, PORT_BYTES = 3, 2


@dataclass
class Relay:
    """A TCP relay to one address."""

    goal: str
    socks: bool = (
        False  # clients greet it as a SOCKS5 proxy (RFC 1928); they get to `goal` whatever they ask for
    )
    lost: bytes = b""  # what clients send with this in it never arrives, so they wait for an answer
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _cut: bool = False

    @property
    def url(self) -> str:
        """The address for clients that do not use a proxy."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Make the goal unreachable: open connections break and new ones fail."""
        self._cut = True
        for it in self._open:
            it.transport.abort()

    def restore(self) -> None:
        """Make the goal reachable again."""
        self._cut = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """Accept connections until the block ends; then close everything."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield self
            finally:
                self.cut()
                while self._running:
                    await asyncio.wait(self._running)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        if self.socks:
            with suppress(OSError, asyncio.IncompleteReadError):
                await _greet(reader, writer)
        host, _, port = self.goal.removeprefix("http://").partition(":")
        from_goal, to_goal = await asyncio.open_connection(host, int(port))
        ends = {writer, to_goal}
        self._open |= ends
        await asyncio.gather(_copy(reader, to_goal, self.lost), _copy(from_goal, writer))
        self._open -= ends
        for it in ends:
            with suppress(OSError):
                await it.wait_closed()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The SOCKS5 handshake without a password: methods, the choice, the request, and its acceptance."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    *_, kind = await reader.readexactly(4)
    length = (await reader.readexactly(1))[0] if kind == NAME else ADDRESS_BYTES[kind]
    await reader.readexactly(length + PORT_BYTES)
    writer.write(b"\x05\x00\x00\x01" + bytes(4 + PORT_BYTES))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: bytes = b"") -> None:
    with suppress(OSError):
        while block := await reader.read(65_536):
            if lost and lost in block:
                continue
            writer.write(block)
            await writer.drain()
    writer.close()
