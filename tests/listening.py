"""The app of a test on a real port: for streams, and for clients that know no event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart


@asynccontextmanager
async def listening(quart: Quart) -> AsyncIterator[str]:
    """The address of the app, which is started and stopped by somebody else."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config.bind = [f"fd://{listener.detach()}"]  # Hypercorn closes it: an open file has one owner
    config.graceful_timeout = 1
    stopping = asyncio.Event()

    async def lane(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await quart.asgi_app(scope, receive, send)

    serving = asyncio.create_task(serve(lane, config, shutdown_trigger=stopping.wait, mode="asgi"))
    yield url
    stopping.set()
    await serving
