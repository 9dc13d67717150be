"""Queries a shop's Prometheus for its health, if the room's autopilot has one.

Permitted addresses are the same as for webhooks; the result is a number in its range, or nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import structlog

from app import loops
from app.core.autopilot_settings import PrometheusSource
from app.core.model import RoomId
from app.notifications import safe_post
from app.notifications.safe_post import AddressRefused, NotAccepted
from app.store.keys import RoomKeys
from app.store.redis import origin
from app.store.redis.origin import ServerReport
from app.store.sql.waiting_room.autopilot_rooms import select_steered
from app.waiting_room.autopilot import ROOMS_MAX
from app.waiting_room.queue import Queues

log = structlog.get_logger(__name__)

ASK_EVERY_MS = 4_500  # a little less than the interval between decisions
DEADLINE_S = 4.0  # for all queries of a room
AT_ONCE = 20  # rooms
SERVER = "prometheus"  # its readings are stored under this name
WHY_CHARS = 200
MOST = {"p95_ms": 3_600_000.0, "error_rate": 1.0, "in_flight": 10_000_000.0}


class UnusableValue(Exception):
    """Prometheus has not returned a usable value; the message says why."""


class _Data(msgspec.Struct, frozen=True):
    kind: Literal["scalar", "vector"] = msgspec.field(name="resultType")
    result: list[Any]


class _Answer(msgspec.Struct, frozen=True):
    status: Literal["success"]
    data: _Data


_decoder = msgspec.json.Decoder(_Answer)


async def query_all(queues: Queues, *, private: bool) -> None:
    """Query for every open room whose autopilot has a Prometheus, unless another process just did."""
    steered = await select_steered(queues.stores.postgres, ROOMS_MAX)
    asking = [(room_id, on.prometheus) for room_id, on in steered.items() if on.prometheus]

    async def query_source(source: tuple[RoomId, PrometheusSource]) -> None:
        if await origin.take_turn(queues.stores.redis, RoomKeys(source[0]), ASK_EVERY_MS):
            await _query_and_store(queues, *source, private=private)

    await loops.each("ask_prometheus", asking, query_source, key=lambda it: it[0], at_once=AT_ONCE)


async def _query_and_store(
    queues: Queues, room_id: RoomId, source: PrometheusSource, *, private: bool
) -> None:
    redis, keys, why = queues.stores.redis, RoomKeys(room_id), ""
    try:
        report = await query_health(source, private=private)
    except UnusableValue as error:
        why = str(error)[:WHY_CHARS]
    else:
        await origin.hear_origin(redis, keys, report, server=SERVER)
    if await origin.note_trouble(redis, keys, why) and why:
        log.warning("Prometheus did not provide the shop's health", room_id=room_id, why=why)


async def query_health(source: PrometheusSource, *, private: bool) -> ServerReport:
    """Query the shop's health. Raises UnusableValue."""
    names = [it for it in MOST if getattr(source, it)]
    try:
        async with asyncio.timeout(DEADLINE_S):
            values = dict(zip(names, await _values(source, names, private=private), strict=True))
    except TimeoutError:
        raise UnusableValue(f"no answer within {DEADLINE_S:.0f} s") from None
    in_flight = round(values["in_flight"]) if "in_flight" in values else None
    return ServerReport(p95_ms=values["p95_ms"], error_rate=values["error_rate"], in_flight=in_flight)


async def _values(source: PrometheusSource, names: Sequence[str], *, private: bool) -> list[float]:
    """Run all queries at once. If several fail, always report the same one: the first in this order."""
    queries = [_value(source, it, private=private) for it in names]
    values: list[float] = []
    for value in await asyncio.gather(*queries, return_exceptions=True):
        if isinstance(value, BaseException):
            raise value
        values.append(value)
    return values


async def _value(source: PrometheusSource, name: str, *, private: bool) -> float:
    url = f"{source.url.rstrip('/')}/api/v1/query"
    try:
        async with safe_post.open_client() as client:
            answer = await safe_post.post_form(client, url, {"query": getattr(source, name)}, private=private)
    except (AddressRefused, NotAccepted) as error:
        raise UnusableValue(f"{name}: {error}") from None
    try:
        return read_value(answer, MOST[name])
    except ValueError as error:
        raise UnusableValue(f"{name}: {error}") from None


def read_value(answer: bytes, most: float) -> float:
    """The single number in a response. Raises ValueError saying what is wrong with it."""
    try:
        data = _decoder.decode(answer).data
        if data.kind == "scalar":
            pairs = [data.result]
        else:
            pairs = [it["value"] for it in data.result]
        values = [float(text) for _, text in pairs]
    except (msgspec.DecodeError, TypeError, KeyError, ValueError):
        raise ValueError("the response is not a Prometheus server's response to an instant query") from None
    if len(values) != 1:
        raise ValueError(f"the query returns {len(values) or 'no'} series, but must return one")
    [value] = values
    if math.isnan(value):
        raise ValueError("the query returns NaN, as without any requests")
    if not 0 <= value <= most:
        raise ValueError(f"the query returns {value:g}, but must return 0 to {most:,.0f}")
    return value
