"""Every wait of a request is bounded: for its body, its reader and its response; over a real socket."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from app import metrics
from app.runtime.sockets import ServerName
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE
from app.web.http.streaming import Message, Stream, feed_stream, part
from app.web.pages.visitor_pages import FORMS
from tests.contract.test_every_call import filled
from tests.routes.conftest import Web, served
from tests.routes.http.test_trailing_slashes import address
from tests.routes.system.test_store_outages import Wires, wires
from tests.support.app_server import serve_app
from tests.support.http import plain_client
from tests.support.waiting import PATIENCE_S, wait_until

__all__ = ["wires"]

BODY_TIMEOUT_S = 0.5
SEND_TIMEOUT_S = 0.5
TAKEN = [(it.method, filled(it.path)) for it in CALLS if it.method in ("POST", "PUT", "PATCH")]
SENT = [("POST", address(it)) for it in FORMS]
SENT += [("POST", address(it.path)) for it in CONSOLE if it.method == "POST"]
UNREAD = {"/passkey/options"}
ALL = TAKEN + SENT


@pytest.fixture
async def hasty(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app with very short timeouts."""
    update = {"body_timeout_s": BODY_TIMEOUT_S, "send_timeout_s": SEND_TIMEOUT_S}
    async with served(settings.model_copy(update=update)) as found:
        yield found


async def dripped(url: str, method: str, path: str, every_s: float, headers: str = "") -> str:
    """The status line for a body that is announced and arrives one byte at a time, for ever."""
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, (parts.hostname, parts.port))
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: {url}\r\n"
            f"Content-Type: application/json\r\n{headers}Content-Length: 5000\r\n\r\n"
        )
        await loop.sock_sendall(connection, request.encode())

        async def dripping() -> None:
            # A stream would discard an answer that has arrived if the connection is closed when it sends.
            with suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(connection, b" ")
                    await asyncio.sleep(every_s)

        sending = asyncio.create_task(dripping())
        answer = b""
        try:
            while b"\n" not in answer and (received := await loop.sock_recv(connection, 4096)):
                answer += received
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return answer.partition(b"\r\n")[0].decode()


@pytest.mark.parametrize("server", ["hypercorn", "granian"])
async def test_a_body_that_drips_is_given_up_on_every_route(hasty: Web, server: ServerName) -> None:
    """An occasional byte does not keep a request alive: no API call, and no form for fans or staff."""
    assert len(TAKEN) > 20
    assert len(SENT) > 25
    staff = await hasty.staff()
    cookie = f"Cookie: {staff['Cookie']}\r\n"
    async with serve_app(hasty.quart, server) as url, asyncio.timeout(PATIENCE_S):
        for every_s in (BODY_TIMEOUT_S / 5, 100):  # dripping; then silent
            answers = await asyncio.gather(
                *(dripped(url, method, path, every_s, cookie) for method, path in ALL)
            )
            by_call = dict(zip(ALL, answers, strict=True))
            for (_, path), status in by_call.items():
                # Some are refused before anybody asks for their body; one needs no body.
                assert path in UNREAD or status.split()[1] in (
                    "400",
                    "303",
                    "307",
                    "401",
                    "403",
                    "404",
                    "409",
                    "422",
                ), (
                    path,
                    status,
                )
            assert sum(status.split()[1] == "400" for status in answers) > len(TAKEN)
            assert all(by_call[it].split()[1] == "400" for it in TAKEN)


async def test_a_body_that_comes_slowly_but_comes_is_taken(hasty: Web) -> None:
    """It takes longer than a single chunk may, but faster than the minimum rate."""
    await hasty.room()
    chunk = b" " * 8_000

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        for _ in range(7):
            await asyncio.sleep(BODY_TIMEOUT_S / 5)
            yield chunk
        yield b"}"

    started = time.monotonic()
    for path in ("/v1/rooms/hall/places", "/v1/rooms/hall/pause"):
        headers = {"Content-Type": "application/json", **hasty.as_("admin")}
        headers = headers if path.endswith("pause") else {"Content-Type": "application/json"}
        answer = await hasty.send("POST", path, content=chunks(), headers=headers)
        assert answer.status_code in (200, 201), answer.text
    assert time.monotonic() - started > 2 * BODY_TIMEOUT_S


async def many_orders(stores: Stores) -> None:
    """More of them than fit in the buffers between a server and a reader who does not read."""
    await stores.postgres.execute(
        """INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency,
                                     fingerprint, expires_at, released)
           SELECT 'reservation-' || n, 'gala', 'visitor-' || n, 'expired', '[]', 0, 'EUR', '', now(), true
           FROM generate_series(1, 60000) AS n"""
    )


@pytest.mark.parametrize("path", ["/v1/events/gala/orders.csv", "/admin/orders.csv"])
async def test_a_report_that_nobody_reads_is_given_up(hasty: Web, stores: Stores, path: str) -> None:
    await hasty.event()
    await many_orders(stores)
    headers = {**hasty.as_("admin"), **await hasty.staff()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    before = broken("reader")
    slots = hasty.app.exporting._value
    async with serve_app(hasty.quart) as url:
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        parts = urlsplit(url)
        plug.connect((parts.hostname, parts.port))
        plug.sendall(f"GET {path} HTTP/1.1\r\nHost: fairgate.test\r\n{lines}\r\n".encode())

        async def given_up() -> bool:
            return broken("reader") > before

        await wait_until(given_up, "the end of the report")

        async def free() -> bool:
            return hasty.app.exporting._value == slots

        await wait_until(free, "its slot")
        plug.close()


def broken(why: str) -> float:
    """The number of responses that ended in the middle."""
    found = metrics.REGISTRY.get_sample_value("fairgate_streams_broken_total", {"why": why})
    return found or 0.0


async def test_a_viewer_who_takes_nothing_is_given_up_when_there_is_more_to_tell() -> None:
    stuck, cancelled = asyncio.Event(), asyncio.Event()
    streams: list[Stream] = []
    before = broken("reader")

    async def send(message: Message) -> None:
        cancelled.set()
        await stuck.wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    @contextmanager
    def audience(stream: Stream) -> Iterator[None]:
        streams.append(stream)
        stream.send(part(b"first"))
        try:
            yield
        finally:
            streams.remove(stream)

    following = asyncio.create_task(feed_stream(audience, receive, send, 0.0))
    await cancelled.wait()
    streams[0].send(part(b"comment"), needed=False)
    await following
    assert not streams
    assert broken("reader") == before + 1


@pytest.mark.parametrize("server", ["hypercorn", "granian"])
async def test_a_report_that_fails_in_the_middle_is_not_taken_for_a_whole_one(
    wires: Wires, stores: Stores, server: ServerName
) -> None:
    web = wires.web
    await web.event()
    await many_orders(stores)
    before = broken("error")
    async with serve_app(web.quart, server) as url, plain_client(url, timeout=30) as http:
        path = "/v1/events/gala/orders.csv"
        async with http.stream("GET", path, headers=web.as_("admin")) as report:
            assert report.status_code == 200
            body = report.aiter_bytes()
            await anext(body)
            await wires.postgres.cut()
            with capture_logs() as lines, pytest.raises(httpx.RemoteProtocolError):
                await rest(body)
    assert broken("error") == before + 1
    [line] = [it for it in lines if it["event"] == "a response was aborted"]
    assert line["request_id"] == report.headers["x-request-id"]


async def rest(body: AsyncIterator[bytes]) -> None:
    """Read on to the end."""
    async for _ in body:
        pass
