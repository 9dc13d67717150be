"""The app of a test on a real port, for streams and for clients without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.runtime.serve import serve_with
from app.runtime.sockets import ServerName, listen, url_of
from app.web.http.draining import Draining

GRACE_S = 1.0


@asynccontextmanager
async def serve_app(app: Any, server: ServerName = "hypercorn") -> AsyncIterator[str]:
    """Serve an app, which the caller starts and stops; yields its address."""
    listener, draining = listen("127.0.0.1", 0), Draining(asyncio.Event(), GRACE_S)
    url = url_of("127.0.0.1", listener)
    serving = asyncio.create_task(serve_with(server)(app, listener, draining))
    try:
        yield url
    finally:
        draining.closing.set()
        await serving
        listener.detach()  # the server, which owns it, has closed it
