"""A shop's reported health and the autopilot's state: one hash per room, with a TTL of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from app.core.clock import REDIS_TIME
from app.core.waiting_room.autopilot import Course, Reading
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.pipelining import run_together
from app.store.scripts.loader import call
from app.store.scripts.room import checked_word

SERVERS_MAX = 20  # per shop
TTL_MS = 3_600_000
SERVER, COURSE, TROUBLE = "server:", "course", "trouble"


class ServerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report by one server of the shop."""

    p95_ms: float
    error_rate: float
    in_flight: int | None = None


_encoder = msgspec.json.Encoder()
_report_decoder = msgspec.json.Decoder(ServerReport)
_course = msgspec.json.Decoder(Course)


class Origin(NamedTuple):
    """Everything known about a shop: the last reading of each server, by name."""

    readings: dict[str, Reading]
    course: Course
    course_text: str  # the raw text, for `steer`; "": there is none
    trouble: str  # why Prometheus could not be queried; "": it could, or need not be


UNKNOWN = Origin({}, Course(), "", "")


async def hear_origin(
    redis: RedisClient,
    keys: RoomKeys,
    report: ServerReport,
    *,
    server: str,
    said_ms: int = 0,
    servers_max: int = SERVERS_MAX,
    ttl_ms: int = TTL_MS,
    now_ms: int = REDIS_TIME,
) -> bool:
    """Store a server's report. `said_ms` orders its reports; 0: by arrival. False: it is not the newest."""
    limits = {"servers_max": servers_max, "ttl_ms": ttl_ms}
    reply = await call(
        redis,
        "hear_origin",
        keys,
        server=server,
        said_ms=said_ms,
        reading=_encoder.encode(report).decode(),
        now_ms=now_ms,
        **limits,
    )
    return checked_word(reply[0], {"counted", "older"}) == "counted"


async def steer(
    redis: RedisClient, keys: RoomKeys, *, expected: str, course: Course, ttl_ms: int = TTL_MS
) -> bool:
    """Store a decision. False: another worker has stored one since `expected` was read."""
    text = _encoder.encode(course).decode()
    reply = await call(redis, "steer", keys, expected=expected, course=text, ttl_ms=ttl_ms)
    return checked_word(reply[0], {"written", "overtaken"}) == "written"


async def origins_of(redis: RedisClient, rooms: Sequence[RoomKeys]) -> list[Origin | None]:
    """What is known about the shops of these rooms; None for one that Redis cannot answer for."""
    replies = await run_together(redis, [("HGETALL", it.origin) for it in rooms])
    return [None if isinstance(it, Exception) else _origin(_pairs(it)) for it in replies]


async def take_turn(redis: RedisClient, keys: RoomKeys, every_ms: int) -> bool:
    """Whether it is this process's turn to query the room's Prometheus."""
    client: Any = redis
    return bool(await client.set(keys.origin_asked, "", nx=True, px=every_ms))


async def note_trouble(redis: RedisClient, keys: RoomKeys, why: str) -> bool:
    """Record why Prometheus could not be queried; "": it could. Returns whether that is a change."""
    before, *_ = await run_together(
        redis,
        [
            ("HGET", keys.origin, TROUBLE),
            ("HSET", keys.origin, TROUBLE, why),
            ("PEXPIRE", keys.origin, TTL_MS),
        ],
    )
    return (before or "") != why


def _pairs(reply: Any) -> dict[str, str]:
    """A hash as returned by a pipeline."""
    return dict(reply) if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


def _origin(fields: dict[str, str]) -> Origin:
    text = fields.get(COURSE, "")
    return Origin(
        readings={
            name.removeprefix(SERVER): _reading(value)
            for name, value in sorted(fields.items())
            if name.startswith(SERVER)
        },
        course=_course.decode(text) if text else Course(),
        course_text=text,
        trouble=fields.get(TROUBLE, ""),
    )


def _reading(value: str) -> Reading:
    _, came_ms, text = value.split(" ", 2)
    report = _report_decoder.decode(text)
    return Reading(
        at_ms=int(came_ms), p95_ms=report.p95_ms, error_rate=report.error_rate, in_flight=report.in_flight
    )
