"""The operators' port of web and worker processes, on the loopback: liveness, readiness with reasons,
metrics.

It is separate from the public port, so that a flood there does not reach it; anyone who can connect to it
needs no token. Requests are rare: one per connection, and few connections at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import h11
import msgspec

from app.loops import Loops
from app.monitoring import exposition, readiness
from app.monitoring.exposition import Drift
from app.store.connections import Stores
from app.waiting_room.queue import Queues

REQUEST_TIMEOUT_S = 5.0  # to send a request, and again to receive the response
ANSWER_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 20
READ_BYTES = 16 * 1024

Answer = tuple[int, str, bytes]  # status, content type, body


@dataclass
class Ops:
    """A process's report for operators."""

    stores: Stores
    queues: Queues
    running: Loops
    stopping: Callable[[], bool] = lambda: False
    drift: Drift = field(default_factory=Drift)
    connections: int = 0

    async def answer(self, method: str, path: str, accept: str) -> Answer:
        """The response to a request; `accept` is its header, or ""."""
        call = _CALLS.get(path.partition("?")[0])
        if call is None:
            return 404, "text/plain", b"Only /livez, /readyz and /metrics are served here.\n"
        if method not in ("GET", "HEAD"):
            return 405, "text/plain", b"Only GET and HEAD are allowed.\n"
        return await call(self, accept)


async def _livez(_: Ops, _accept: str) -> Answer:
    return 200, "application/json", b'{"status":"ok"}'


async def _readyz(ops: Ops, _accept: str) -> Answer:
    result = await readiness.check(ops.stores, ops.running, stopping=ops.stopping())
    return 200 if result.ready else 503, "application/json", msgspec.json.encode(result)


async def _metrics(ops: Ops, accept: str) -> Answer:
    return 200, *await exposition.render(ops.stores, ops.queues, ops.drift, accept)


_CALLS: dict[str, Callable[[Ops, str], Awaitable[Answer]]] = {
    "/livez": _livez,
    "/readyz": _readyz,
    "/metrics": _metrics,
}


async def serve(ops: Ops, listener: socket.socket) -> None:
    """Serve on this port until cancelled. The caller closes the listener."""
    server = await asyncio.start_server(partial(_connected, ops), sock=listener.dup())
    async with server:
        await server.serve_forever()


async def _connected(ops: Ops, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    ops.connections += 1
    try:
        if ops.connections <= CONNECTIONS_MAX:
            with suppress(OSError, TimeoutError, h11.ProtocolError):
                await _answer_request(ops, reader, writer)
    finally:
        ops.connections -= 1
        writer.close()


async def _answer_request(ops: Ops, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER)
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
    if not isinstance(event, h11.Request):
        return
    accept = ",".join(value.decode("latin-1") for name, value in event.headers if name == b"accept")
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        status, kind, body = await ops.answer(event.method.decode(), event.target.decode(), accept)
    headers = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    response = connection.send(h11.Response(status_code=status, headers=list(headers.items())))
    response += connection.send(h11.Data(data=b"" if event.method == b"HEAD" else body))
    response += connection.send(h11.EndOfMessage())
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        writer.write(response)
        await writer.drain()
