"""Floods of streams: what one client opens leaves the others alone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import h2.connection
import httpx
import pytest

from app.runtime.sockets import ServerName
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.http.routes import Events
from tests.listening import listening
from tests.routes.conftest import Web, code, served
from tests.waiting import wait_until

SERVERS: tuple[ServerName, ...] = ("hypercorn", "granian")


async def exchanged(url: str, sent: bytes) -> bytes:
    """What a server answers to these bytes until it closes, or has sent a head."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    told = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            while b"\r\n\r\n" not in told and (some := await reader.read(65_536)):
                told += some
    except ConnectionError:  # it has closed while we were sending
        pass
    finally:
        writer.close()
    return told


def opened_and_reset(count: int) -> bytes:
    """An HTTP/2 client that opens so many streams and resets each at once."""
    client = h2.connection.H2Connection()
    client.initiate_connection()
    for stream_id in range(1, 2 * count, 2):
        head = [(":method", "GET"), (":path", "/v1/rooms"), (":scheme", "http"), (":authority", "x")]
        client.send_headers(stream_id, head, end_stream=True)
        client.reset_stream(stream_id)
    return client.data_to_send()


@pytest.mark.parametrize("server", SERVERS)
async def test_nobody_speaks_http_2_without_tls(web: Web, server: ServerName) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    flood = opened_and_reset(900)
    async with (
        listening(web.quart, server) as url,
        httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as other,
    ):
        told = await exchanged(url, b"GET /livez HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n")
        assert told.startswith(b"HTTP/1.1 200 ")
        answers = [asyncio.create_task(exchanged(url, flood)) for _ in range(5)]
        for _ in range(20):
            assert (await other.get("/v1/rooms")).status_code == 200
        for told in await asyncio.gather(*answers):
            assert not told or told.startswith((b"HTTP/1.1 505 ", b"HTTP/1.1 400 ")), told


async def test_an_address_has_so_many_streams_open(stores: Stores, settings: Settings) -> None:
    chosen = settings.model_copy(
        update={"rate_limits": "on", "streams_per_address": 3, "trusted_proxies": ["127.0.0.0/8"]}
    )
    async with served(chosen) as web, listening(web.quart) as url, AsyncExitStack() as streams:
        await web.room()
        async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:

            async def opened(address: str, stack: AsyncExitStack = streams) -> httpx.Response:
                headers = {"X-Forwarded-For": address}
                return await stack.enter_async_context(
                    client.stream("GET", "/v1/rooms/hall/events", headers=headers)
                )

            async with AsyncExitStack() as first:
                assert (await opened("203.0.113.5", first)).status_code == 200
                for _ in range(2):
                    assert (await opened("203.0.113.5")).status_code == 200
                refused = await opened("203.0.113.5")
                await refused.aread()
                assert code(refused) == (429, "rate_limited")
                assert int(refused.headers["retry-after"]) >= 1
                assert refused.headers["ratelimit-policy"].startswith('"streams"')
                assert (await opened("203.0.113.6")).status_code == 200  # another visitor behind our proxy
                head = await client.head("/v1/rooms/hall/events", headers={"X-Forwarded-For": "203.0.113.5"})
                assert head.status_code == 200

            async def free_again() -> bool:
                return (await opened("203.0.113.5")).status_code == 200

            await wait_until(free_again, "room for a stream after one was closed")


def test_every_event_stream_is_counted() -> None:
    streams = [it for it in CALLS if any(isinstance(answer, Events) for answer in it.answers.values())]
    assert streams
    assert all(it.hot for it in streams)  # the lane in front of Quart counts them
