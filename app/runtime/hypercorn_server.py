"""Hypercorn, which serves the app unless Granian is chosen."""

from __future__ import annotations

import logging
import socket
from typing import Any

import h11
import hypercorn.protocol
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from hypercorn.events import Closed
from hypercorn.protocol.h11 import H11Protocol
from quart import Quart

from app.runtime.sockets import BACKLOG
from app.web.http.draining import Draining

KEEP_ALIVE_S = 75.0  # longer than the poll interval of a waiting page
HEADERS_MAX = 64 * 1024  # a browser keeps up to 180 cookies for a host, and each room has its own


async def serve(app: Quart, listener: socket.socket, draining: Draining) -> None:
    """Serve until it is asked to close."""
    protocols: Any = hypercorn.protocol
    protocols.H11Protocol = _Http1  # there is no setting for it
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.backlog = BACKLOG
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.keep_alive_max_requests = 1_000_000
    config.h11_max_incomplete_size = HEADERS_MAX
    config.graceful_timeout = draining.grace_s
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn.error")

    async def serving(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):  # we start and stop the app ourselves
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    await hypercorn_serve(serving, config, shutdown_trigger=draining.closing.wait, mode="asgi")


class _Http1(H11Protocol):
    """HTTP/1 only, as with Granian: HTTP/2 ends at the proxy that speaks TLS to browsers.

    No browser uses it without TLS, and anybody who does can open and reset streams by the hundred: nine
    hundred in half a second kept the process from serving others for eleven seconds.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore an offer of h2c: the request is answered as HTTP/1."""

    async def _create_stream(self, request: h11.Request) -> None:
        if request.http_version in (b"1.0", b"1.1"):
            await super()._create_stream(request)
            return
        await self._send_error_response(505)
        await self.send(Closed())
