"""Our listening socket, under both servers."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.runtime import sockets
from app.runtime.sockets import ServerName
from tests.support.app_server import serve_app
from tests.support.waiting import PATIENCE_S

ASK = b"GET / HTTP/1.1\r\nHost: fairgate\r\n\r\n"


class Endless:
    """An app that sends as much as the reader accepts, and notes when the reader has gone."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """One response."""
        sending = asyncio.create_task(self._send(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        sending.cancel()
        self.gone.set()

    __call__ = asgi_app

    async def _send(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the kernel does not know it")
@pytest.mark.parametrize("server", ["hypercorn", "granian"])
async def test_a_reader_who_takes_nothing_has_left(
    server: ServerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "UNHEARD_MS", 500)
    app = Endless()
    async with serve_app(app, server) as url:
        where = urlsplit(url)
        _, writer = await asyncio.open_connection(where.hostname, where.port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(ASK)
        await asyncio.wait_for(app.gone.wait(), PATIENCE_S)
        writer.transport.abort()
