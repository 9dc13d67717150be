"""Stores that are too old for us, implemented only as far as a client's first queries go."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """A server on a free loopback port."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def redis_6(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers INFO with an old version and everything else with OK."""
    info = b"redis_version:6.2.14\r\nredis_mode:standalone\r\ncluster_enabled:0\r\n"
    while line := await reader.readline():
        words = []
        for _ in range(int(line[1:])):
            await reader.readline()
            words.append((await reader.readline()).strip().upper())
        reply = b"$%d\r\n%s\r\n" % (len(info), info) if words[0] == b"INFO" else b"+OK\r\n"
        writer.write(reply)
        await writer.drain()
    writer.close()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


async def postgres_14(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts anybody, as an old server, and pretends every query is done."""
    ready = _message(b"Z", b"I")
    while True:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        body = await reader.readexactly(length - 4)
        if struct.unpack("!i", body[:4])[0] != 80877103:  # a request for TLS
            break
        writer.write(b"N")
    writer.write(_message(b"R", struct.pack("!i", 0)))
    for name, value in (("server_version", "14.9"), ("client_encoding", "UTF8")):
        writer.write(_message(b"S", f"{name}\0{value}\0".encode()))
    writer.write(_message(b"K", struct.pack("!ii", 1, 1)) + ready)
    while (kind := await reader.read(1)) not in (b"", b"X"):
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        if kind == b"Q":
            writer.write(_message(b"C", b"SELECT 0\0") + ready)
    writer.close()
