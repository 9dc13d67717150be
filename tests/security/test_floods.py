"""Floods of streams: what one client opens does not affect the others."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack
from typing import Any

import h2.connection
import httpx
import pytest

from app.runtime.sockets import ServerName
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.http.in_flight import InFlight
from app.web.http.known_paths import KnownPaths
from app.web.http.misses import BURST
from app.web.http.routes import Events
from tests.routes.conftest import Web, code, served
from tests.support.app_server import serve_app
from tests.support.http import plain_client
from tests.support.waiting import PATIENCE_S, wait_until

SERVERS: tuple[ServerName, ...] = ("hypercorn", "granian")


async def exchange(url: str, sent: bytes) -> bytes:
    """The server's response to these bytes until it closes, or until its head has arrived."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    received = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            while b"\r\n\r\n" not in received and (some := await reader.read(65_536)):
                received += some
    except ConnectionError:  # the server closed while we were sending
        pass
    finally:
        writer.close()
    return received


def opened_and_reset(count: int) -> bytes:
    """An HTTP/2 client that opens many streams and resets each one immediately."""
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
        serve_app(web.quart, server) as url,
        plain_client(url, timeout=20) as other,
    ):
        answer = await exchange(url, b"GET /livez HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        answers = [asyncio.create_task(exchange(url, flood)) for _ in range(5)]
        for _ in range(20):
            assert (await other.get("/v1/rooms")).status_code == 200
        for answer in await asyncio.gather(*answers):
            assert not answer or answer.startswith((b"HTTP/1.1 505 ", b"HTTP/1.1 400 ")), answer


async def test_an_address_has_so_many_streams_open(stores: Stores, settings: Settings) -> None:
    chosen = settings.model_copy(
        update={"rate_limits": True, "streams_per_address": 3, "trusted_proxies": ["127.0.0.0/8"]}
    )
    async with served(chosen) as web, serve_app(web.quart) as url, AsyncExitStack() as streams:
        await web.room()
        async with plain_client(url, timeout=20) as client:

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


async def test_what_is_nowhere_costs_no_way_through_quart(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every path answers as before; the lane refuses paths that do not exist or are not for the client."""
    passed: list[str] = []
    inner = web.quart.asgi_app._inner  # type: ignore[attr-defined]  # the lane

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["path"])
        await inner(scope, receive, send)

    monkeypatch.setattr(web.quart.asgi_app, "_inner", recorded)
    for path in "/nowhere /v1/nowhere /v1/rooms/hall/nowhere /v1//rooms /.env /v1/ /metrics".split():
        for method in ("GET", "POST", "OPTIONS") if path != "/metrics" else ("GET",):
            found = await web.send(method, path)
            assert code(found) == (404, "not_found"), path
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.headers["x-request-id"]
    assert passed == []
    page = await web.get("/nowhere", headers={"Accept": "text/html"})
    assert (page.status_code, passed) == (404, ["/nowhere"])
    assert page.headers["content-type"].startswith("text/html")
    known = [str(it.rule) for it in web.quart.url_map.iter_rules()]
    tree = KnownPaths(known)
    for rule in known:
        assert tree.has([*re.sub("<[^>]+>", "some-id", rule).split("/")]), rule
        assert not tree.has([*re.sub("<[^>]+>", "some-id", rule).split("/"), "beyond", "that"]), rule


async def test_who_guesses_names_is_refused_what_nobody_found_and_fans_beside_them_go_on(
    stores: Stores, settings: Settings
) -> None:
    chosen = {"rate_limits": True, "trusted_proxies": ["127.0.0.0/8"]}
    async with served(settings.model_copy(update=chosen)) as web:
        await web.room()

        async def send(path: str, address: str) -> httpx.Response:
            return await web.get(path, headers={"X-Forwarded-For": address})

        for path in ("/v1/rooms/made-up", "/v1/events/made-up", "/v1/events/made-up/seats"):
            assert (await send(path, "203.0.113.9")).status_code == 404
        assert web.app.throttles.misses._until["203.0.113.9"] > time.monotonic() + 1
        for _ in range(100 * BURST):
            web.app.throttles.misses.note("203.0.113.9")
        refused = await send("/v1/rooms/made-up-again", "203.0.113.9")
        assert code(refused) == (429, "rate_limited")
        assert refused.headers["ratelimit-policy"].startswith('"unknown-names"')
        for _ in range(2):
            assert (await send("/v1/rooms/hall", "203.0.113.10")).status_code == 200
            assert (await send("/v1/rooms/hall", "203.0.113.9")).status_code == 200  # somebody found it
        assert code(await send("/v1/rooms/made-up-again", "203.0.113.10")) == (404, "room_not_found")


async def a_slow_body(url: str, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request from this address that announces a body and never sends it."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
    head = f"POST /v1/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 50\r\n\r\n".encode())
    return reader, writer


async def status_from(url: str, source: str, path: str = "/v1/rooms") -> bytes:
    """The status line and headers sent to this address."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


@pytest.mark.parametrize("server", SERVERS)
async def test_slow_bodies_of_one_address_keep_no_other_out(
    stores: Stores, settings: Settings, server: ServerName
) -> None:
    chosen = {"rate_limits": True, "requests_per_address": 50, "body_timeout_s": 120.0}
    async with served(settings.model_copy(update=chosen)) as web, serve_app(web.quart, server) as url:
        slow = [await a_slow_body(url, "127.0.0.1") for _ in range(100)]
        told = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _ in slow]

        async def half_are_refused() -> bool:
            return sum(it.done() for it in told) == 50

        await wait_until(half_are_refused, "the refusals")
        for refusal in (it.result() for it in told if it.done()):
            assert refusal.startswith(b"HTTP/1.1 429 ")
            assert b"\r\nretry-after: 2\r\n" in refusal.lower()
            assert b'"in-flight"' in refusal
        assert (await status_from(url, "127.0.0.1")).startswith(b"HTTP/1.1 429 ")
        assert (await status_from(url, "127.0.0.2")).startswith(b"HTTP/1.1 200 ")
        for _, writer in slow:
            writer.close()

        async def free_again() -> bool:
            return (await status_from(url, "127.0.0.1")).startswith(b"HTTP/1.1 200 ")

        await wait_until(free_again, "the end of the slow ones")
        await asyncio.gather(*told, return_exceptions=True)

        async def none_left() -> bool:
            return not lane_of(web)._open

        await wait_until(none_left, "the end of the count")


async def test_what_our_proxies_send_is_theirs_to_limit(stores: Stores, settings: Settings) -> None:
    chosen = {"rate_limits": True, "requests_per_address": 5, "trusted_proxies": ["127.0.0.0/8"]}
    async with served(settings.model_copy(update=chosen)) as web, serve_app(web.quart) as url:
        slow = [await a_slow_body(url, "127.0.0.1") for _ in range(20)]
        assert (await status_from(url, "127.0.0.1")).startswith(b"HTTP/1.1 200 ")
        for _, writer in slow:
            writer.close()


def lane_of(web: Web) -> InFlight:
    """The component that counts an app's requests."""
    lane: Any = web.quart.asgi_app
    found: InFlight = lane._in_flight
    return found
