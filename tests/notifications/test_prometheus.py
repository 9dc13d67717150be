"""A shop's Prometheus reports its health: where it may be, which values are trusted, who queries it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from structlog.testing import capture_logs

from app.core.autopilot_settings import Autopilot, PrometheusSource
from app.gate import prometheus
from app.gate.prometheus import UnusableValue, query_all, query_health, read_value
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.origin import ServerReport
from app.waiting_room import control
from app.waiting_room.autopilot import read_origin
from app.waiting_room.queue import Queues, open_queues
from tests.support.builders import KEYS, ROOM, STAFF, a_stored_room
from tests.support.receiver import Receiver, receiving

QUERIES = {"p95_ms": "1000 * p95", "error_rate": "errors"}


def scalar(value: str) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "scalar", "result": [1.5, value]}}


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {"host": str(n)}, "value": [1.5, it]} for n, it in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


@asynccontextmanager
async def answering(answer: Any) -> AsyncIterator[tuple[Receiver, PrometheusSource]]:
    """A Prometheus that gives this response to every query."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    async with receiving(body=body) as receiver:
        url = receiver.url.removesuffix("/hook")
        yield receiver, PrometheusSource(url=url, **QUERIES)


# --- what is believed -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "value"),
    [(scalar("0.25"), 0.25), (vector("0"), 0.0), (vector("1"), 1.0), (scalar("2.5e-3"), 0.0025)],
)
def test_one_number_is_read(answer: dict[str, Any], value: float) -> None:
    assert read_value(json.dumps(answer).encode(), 1.0) == value


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (vector(), "returns no series"),
        (vector("1", "2"), "returns 2 series"),
        (scalar("NaN"), "returns NaN"),
        (scalar("+Inf"), "returns inf"),
        (scalar("-0.1"), "returns -0.1, but must return 0 to 1"),
        (scalar("1.1"), "returns 1.1"),
        (scalar("fast"), "is not a Prometheus server's"),
        ({"status": "error", "error": "bad query"}, "is not a Prometheus server's"),
        (
            {"status": "success", "data": {"resultType": "matrix", "result": []}},
            "is not a Prometheus server's",
        ),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [1]}},
            "is not a Prometheus server's",
        ),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [{}]}},
            "is not a Prometheus server's",
        ),
        (
            {"status": "success", "data": {"resultType": "scalar", "result": [1]}},
            "is not a Prometheus server's",
        ),
        (b"<html>", "is not a Prometheus server's"),
        (b"", "is not a Prometheus server's"),
        ([], "is not a Prometheus server's"),
    ],
)
def test_anything_else_is_not(answer: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_value(answer if isinstance(answer, bytes) else json.dumps(answer).encode(), 1.0)


# --- how it is asked --------------------------------------------------------------------------------------
async def test_each_query_is_asked_by_name() -> None:
    async with answering(scalar("0.5")) as (receiver, source):
        assert await query_health(source, private=True) == ServerReport(p95_ms=0.5, error_rate=0.5)
        more = PrometheusSource(url=source.url + "/", **QUERIES, in_flight="busy")
        assert await query_health(more, private=True) == ServerReport(p95_ms=0.5, error_rate=0.5, in_flight=0)
    queries = sorted(parse_qs(it.body.decode())["query"][0] for it in receiver.received)
    assert queries == ["1000 * p95", "1000 * p95", "busy", "errors", "errors"]


async def test_it_is_not_asked_where_webhooks_may_not_go() -> None:
    async with answering(scalar("0.5")) as (receiver, source):
        with pytest.raises(UnusableValue, match="is not public; FAIRGATE_WEBHOOKS_PRIVATE=on allows it"):
            await query_health(source, private=False)
    assert receiver.received == []


async def test_trouble_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(b"x" * 100_000) as (_, source):
        with pytest.raises(UnusableValue, match="is not a Prometheus server's"):
            await query_health(source, private=True)
    with pytest.raises(UnusableValue, match="connection was refused"):
        await query_health(source, private=True)
    async with receiving(answer=400) as receiver:
        with pytest.raises(UnusableValue, match="answered 400"):
            await query_health(PrometheusSource(url=receiver.url, **QUERIES), private=True)
    monkeypatch.setattr(prometheus, "DEADLINE_S", 0.05)
    let_go = asyncio.Event()

    async def silent_to(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_go.wait()
        writer.close()

    silent = await asyncio.start_server(silent_to, "127.0.0.1", 0)
    async with silent:
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        with pytest.raises(UnusableValue, match="no answer within"):
            await query_health(PrometheusSource(url=url, **QUERIES), private=True)
        let_go.set()


# --- in a room --------------------------------------------------------------------------------------------
async def a_room_with(queues: Queues, source: PrometheusSource) -> None:
    await a_stored_room(queues.stores, autopilot=Autopilot(floor=10, ceiling=1_000, prometheus=source))
    await control.set_state(queues, ROOM, "open", by=STAFF)


async def test_of_many_workers_one_asks_and_what_it_says_is_a_report(queues: Queues) -> None:
    async with answering(scalar("0.25")) as (receiver, source):
        await a_room_with(queues, source)
        await asyncio.gather(*(query_all(queues, private=True) for _ in range(5)))
    assert len(receiver.received) == 2
    _, known, health = await read_origin(queues, ROOM)
    assert list(known.readings) == ["prometheus"]
    assert health is not None
    assert (health.p95_ms, health.error_rate, known.trouble) == (0.25, 0.25, "")


async def test_its_trouble_is_told_once_and_ends(queues: Queues) -> None:
    client: Any = queues.stores.redis
    async with answering(vector()) as (receiver, source):
        await a_room_with(queues, source)
        with capture_logs() as logged:
            for _ in range(3):
                await query_all(queues, private=True)
                await client.delete(KEYS.origin_asked)
        assert len([it for it in logged if it["log_level"] == "warning"]) == 1
        _, known, health = await read_origin(queues, ROOM)
        assert health is None
        assert "the query returns no series, but must return one" in known.trouble
        receiver.body = json.dumps(scalar("0.5")).encode()
        await query_all(queues, private=True)
        assert (await read_origin(queues, ROOM))[1].trouble == ""
