"""Granian, which is faster in a rush."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server as EmbeddedGranian
from quart import Quart

from app.runtime.sockets import BACKLOG
from app.web.http.draining import Draining

REQUESTS_AT_ONCE = 20_000  # Granian's backpressure; each SSE viewer counts as one


class _Granian(EmbeddedGranian):
    """Granian in our event loop, on a socket that is already bound."""

    def __init__(self, listener: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder  # its stub omits the constructor
        self._shd = holder(self._listener.fileno(), False, BACKLOG)


async def serve(app: Quart, listener: socket.socket, draining: Draining) -> None:
    """Serve until it is asked to close."""
    server: Any = _Granian(
        listener,
        app.asgi_app,
        interface=Interfaces.ASGINL,  # without lifespan: we start and stop the app ourselves
        backlog=BACKLOG,
        backpressure=REQUESTS_AT_ONCE,
        http=HTTPModes.http1,  # detecting HTTP/2 costs 12 KB per open connection
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {}, "handlers": {}, "formatters": {}},
    )
    serving = asyncio.create_task(server.serve())
    closed = asyncio.create_task(draining.closing.wait())
    await asyncio.wait({serving, closed}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    await serving
