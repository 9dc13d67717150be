"""Server-sent events, over a real socket: the current document first, then each change, and a clean end."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from app import metrics
from app.runtime.sockets import ServerName
from app.web.http import sse, status_board
from app.web.http.draining import EVERY_S, STREAMS_AT_ONCE, Draining
from app.web.http.streaming import END, Message, Stream, part
from tests.routes.conftest import Web, bearer, code
from tests.support.app_server import serve_app
from tests.support.http import plain_client
from tests.support.waiting import wait_until

TIMER_S = 0.005  # uvloop counts milliseconds from the beginning of its turn
on_each_server = pytest.mark.parametrize("server", ["hypercorn", "granian"])


@asynccontextmanager
async def listening(web: Web, server: ServerName = "hypercorn") -> AsyncIterator[httpx.AsyncClient]:
    """The app of `web` on a real port: a stream must be read while it is being written."""
    async with serve_app(web.quart, server) as url, plain_client(url, timeout=20) as http:
        yield http


async def next_event(lines: AsyncIterator[str]) -> tuple[str, dict[str, Any]]:
    """The next event of a stream, skipping comments."""
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended")


async def test_the_room_is_told_at_once_and_at_each_change(web: Web, worker: object) -> None:
    await web.room()
    async with listening(web) as http, http.stream("GET", "/v1/rooms/hall/events") as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["x-request-id"]
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("retry: ")
        name, document = await next_event(lines)
        assert (name, document["state"], document["serving_position"]) == ("status", "open", 0)
        await web.join("hall")
        while document["serving_position"] == 0:
            name, document = await next_event(lines)
        assert (name, document["called"]) == ("status", 1)
        await web.post("/v1/rooms/hall/pause", headers=web.as_("operator"))
        while document["state"] != "paused":
            _, document = await next_event(lines)


async def test_one_subscription_serves_all_viewers(web: Web) -> None:
    await web.room()
    redis: Any = web.app.stores.redis

    async def subscriptions() -> int:
        return int(await redis.pubsub_numpat())

    before = await wait_until(subscriptions, "the subscription")
    async with listening(web) as http:
        async with AsyncExitStack() as stack:
            for _ in range(5):
                response = await stack.enter_async_context(http.stream("GET", "/v1/rooms/hall/events"))
                await next_event(response.aiter_lines())
            assert await subscriptions() == before


async def test_readers_who_lost_their_streams_do_not_all_come_back_at_once(web: Web) -> None:
    await web.room()
    async with listening(web) as http, AsyncExitStack() as stack:
        waits = set()
        for _ in range(10):
            response = await stack.enter_async_context(http.stream("GET", "/v1/rooms/hall/events"))
            waits.add(int((await anext(response.aiter_lines())).removeprefix("retry: ")))
    assert len(waits) > 5
    assert all(1_000 <= wait <= 10_000 for wait in waits)
    assert max(waits) - min(waits) > 1_000  # spread: by chance, one in ten million sets of ten is this narrow


@on_each_server
async def test_a_stream_ends_when_the_process_is_asked_to(web: Web, server: ServerName) -> None:
    await web.room()
    async with listening(web, server) as http, http.stream("GET", "/v1/rooms/hall/events") as stream:
        lines = stream.aiter_lines()
        await next_event(lines)
        web.app.draining.closing.set()
        retry, name, data = [line async for line in lines if line and not line.startswith(":")]
        assert (name, data) == ("event: reconnect", f'data: {{"retry_ms":{retry.removeprefix("retry: ")}}}')
        await wait_until(_nobody_watches, "the end of the stream")


async def test_the_streams_of_a_process_that_ends_do_so_some_at_once() -> None:
    """And all of them within half of the grace period."""
    closing = asyncio.Event()
    steady, hasty = Draining(closing, grace_s=600.0), Draining(closing, grace_s=0.02)
    began, ended = time.monotonic(), []
    for _ in range(3):
        await steady.turn(STREAMS_AT_ONCE)
        ended.append(time.monotonic() - began)
    assert ended[1] >= EVERY_S - TIMER_S
    assert ended[2] >= 2 * EVERY_S - TIMER_S
    for _ in range(100):
        await hasty.turn(STREAMS_AT_ONCE)  # otherwise this would take four minutes


@on_each_server
async def test_a_reader_who_leaves_while_nothing_is_sent_leaves_nothing(web: Web, server: ServerName) -> None:
    await web.room()
    async with listening(web, server) as http:
        async with http.stream("GET", "/v1/rooms/hall/events") as stream:
            await next_event(stream.aiter_lines())
            assert metrics.REGISTRY.get_sample_value("fairgate_stream_viewers") == 1
        await wait_until(_nobody_watches, "the reader to leave")


async def _nobody_watches() -> bool:
    """Whether no stream is left, counted or in memory."""
    gc.collect()
    leaked = any(isinstance(it, Stream) for it in gc.get_objects())
    return not leaked and metrics.REGISTRY.get_sample_value("fairgate_stream_viewers") == 0


@on_each_server
async def test_head_of_a_stream_is_its_beginning_without_a_viewer(web: Web, server: ServerName) -> None:
    await web.room()
    async with listening(web, server) as http:
        answer = await http.head("/v1/rooms/hall/events")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == "text/event-stream"
        assert await _nobody_watches()


@on_each_server
async def test_each_change_is_told_without_the_clock(
    web: Web, server: ServerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_board, "VIEWED_EVERY_S", 3600)
    await web.room()
    async with listening(web, server) as http, http.stream("GET", "/v1/rooms/hall/events") as stream:
        lines = stream.aiter_lines()
        await next_event(lines)
        for step, state in (("pause", "paused"), ("resume", "open"), ("close", "closed")):
            await web.post(f"/v1/rooms/hall/{step}", headers=web.as_("operator"))
            while (await next_event(lines))[1]["state"] != state:
                pass


async def test_a_slow_reader_is_told_the_newest_only() -> None:
    sent: list[Message] = []
    taken = asyncio.Event()

    async def send(message: Message) -> None:
        sent.append(message)
        await taken.wait()

    stream = Stream(send)
    first, *_, last = parts = [part(b"%d" % number) for number in range(50)]
    for message in parts:
        stream.send(message)
        await asyncio.sleep(0)
    stream.send(part(b": still here"), needed=False)
    taken.set()
    await wait_until(lambda: _are(sent, [first, last]), "the newest")
    stream.send(part(b": still here"), needed=False)
    stream.send(last)
    stream.send(END)
    await wait_until(lambda: _are(sent, [first, last, part(b": still here"), END]), "the end")
    stream.send(END)
    await asyncio.sleep(0)
    assert sent.count(END) == 1


async def _are(sent: list[Message], expected: list[Message]) -> bool:
    return sent == expected


async def test_a_reader_lost_while_sending_is_left_to_who_waits_for_that() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        raise ConnectionResetError

    stream, news = Stream(send), part(b"news")
    for count in (1, 2):
        stream.send(news)
        await wait_until(lambda count=count: _are(sent, [news] * count), "an attempt")


async def test_the_owner_follows_a_reservation(web: Web, worker: object) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    path = f"/v1/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"
    async with listening(web) as http, http.stream("GET", f"{path}/events", headers=place) as stream:
        lines = stream.aiter_lines()
        name, document = await next_event(lines)
        assert (name, document["status"]) == ("reservation", "held")
        await web.post(f"{path}/cancel", headers=place)
        assert (await next_event(lines))[1]["status"] == "cancelled"
        assert [line async for line in lines if line and not line.startswith(":")] == []


async def test_the_account_that_made_it_follows_it_with_its_access_token(web: Web, worker: object) -> None:
    await web.event()
    ann, bob = web.as_("user", "ann"), web.as_("user", "bob")
    await web.join("gala", headers=ann)
    claim = await web.post("/v1/rooms/gala/places/me/booking-token", headers=ann)
    booking = bearer(claim.json()["booking_token"])
    path = f"/v1/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"
    assert code(await web.get(f"{path}/events", headers=bob)) == (404, "reservation_not_found")
    async with listening(web) as http, http.stream("GET", f"{path}/events", headers=ann) as stream:
        assert (await next_event(stream.aiter_lines()))[1]["status"] == "held"


async def test_who_comes_back_is_told_what_is_now_and_at_the_end_that_there_is_no_more(
    web: Web, worker: object
) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    path = f"/v1/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"
    async with listening(web) as http:
        first = await _first_id(http, path, place)
        assert await _first_id(http, path, {**place, "Last-Event-ID": first}) == first
        await web.post(f"{path}/cancel", headers=place)
        last = await _first_id(http, path, {**place, "Last-Event-ID": first})
        assert last != first
        over = await http.get(f"{path}/events", headers={**place, "Last-Event-ID": last})
        assert (over.status_code, over.content) == (204, b"")


async def _first_id(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> str:
    """The id of the first event of the stream."""
    async with http.stream("GET", f"{path}/events", headers=headers) as stream:
        assert stream.status_code == 200
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                return line.removeprefix("id: ")
    raise AssertionError("no event came")


@pytest.mark.parametrize("path", ["/v1/rooms/nowhere/events", "/v1/rooms/BAD/events"])
async def test_what_cannot_be_followed_is_a_problem_not_a_stream(web: Web, path: str) -> None:
    assert code(await web.get(path)) == (404, "room_not_found")


async def test_a_quiet_stream_shows_that_it_lives(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_board, "COMMENT_EVERY_S", 0.1)
    await web.room()
    async with listening(web) as http, http.stream("GET", "/v1/rooms/hall/events") as stream:
        lines = stream.aiter_lines()
        await next_event(lines)
        comments = [line async for line in _first(lines, 2)]
        assert all(line.startswith(":") for line in comments)


async def test_a_quiet_reservation_shows_that_it_lives(
    web: Web, worker: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "COMMENT_EVERY_S", 0.1)
    await web.event()
    place, booking = await web.inside("gala")
    path = f"/v1/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"
    async with listening(web) as http, http.stream("GET", f"{path}/events", headers=place) as stream:
        lines = stream.aiter_lines()
        await next_event(lines)
        comments = [line async for line in _first(lines, 2)]
        assert all(line.startswith(":") for line in comments)


async def _first(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    """The first non-empty lines."""
    async for line in lines:
        if line:
            yield line
            count -= 1
        if not count:
            return
