"""The scripts that load a room into Redis step by step, and unload it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from app.core.clock import REDIS_TIME
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts.loader import call
from app.store.scripts.room import loaded, status_word


class SessionRecord(NamedTuple):
    """One record of `load_sessions`; `ended_ms` 0: it ran its full time; `began_ms` 0: not known."""

    visitor_id: str
    number: int
    expires_ms: int
    ended_ms: int
    began_ms: int = 0


class EndingRecord(NamedTuple):
    """One record of `load_endings`: how a place ended (`endings` of `RoomKeys`), and its number."""

    visitor_id: str
    word: str
    number: int


class RestorePoint(NamedTuple):
    """A queue as stored in Postgres: where a restored room continues."""

    epoch: int
    last_number: int
    numbers_reserved: int
    serving_position: int
    settled: int  # the claim windows of calls up to this number have ended
    draw_first: int
    draw_next: int
    draw_last: int
    counted: str = ""  # the counters of a room that was unloaded, in the order of `Counters`
    lane_serving: str = ""  # the serving positions of its lanes, except the ordinary one


async def restore(
    redis: RedisClient,
    keys: RoomKeys,
    records: Mapping[str, str | int],
    point: RestorePoint,
    *,
    now_ms: int = REDIS_TIME,
) -> bool:
    """Start loading a room; False if a later restore has started already."""
    fields = chain.from_iterable(records.items())
    reply = await call(redis, "restore", keys, fields, **point._asdict(), now_ms=now_ms)
    return _goes_on("restore", reply)


async def load_sessions(
    redis: RedisClient,
    keys: RoomKeys,
    records: Iterable[SessionRecord],
    *,
    epoch: int,
    now_ms: int = REDIS_TIME,
) -> bool:
    """Load claimed turns; False if a later restore has started."""
    reply = await call(redis, "load_sessions", keys, chain.from_iterable(records), epoch=epoch, now_ms=now_ms)
    return _goes_on("load_sessions", reply)


async def load_endings(
    redis: RedisClient, keys: RoomKeys, records: Iterable[EndingRecord], *, now_ms: int = REDIS_TIME
) -> None:
    """Load how the places of returning visitors ended."""
    reply = loaded(await call(redis, "load_endings", keys, chain.from_iterable(records), now_ms=now_ms))
    status_word("load_endings", reply)


async def load_removed(redis: RedisClient, keys: RoomKeys, records: Iterable[str]) -> None:
    """Load removed visitors."""
    status_word("load_removed", await call(redis, "load_removed", keys, records))


async def finish_restore(
    redis: RedisClient, keys: RoomKeys, *, epoch: int, window_ms: int, now_ms: int = REDIS_TIME
) -> bool:
    """Finish the restore; admission resumes after `window_ms`. False if a later restore has started."""
    reply = await call(redis, "finish_restore", keys, epoch=epoch, window_ms=window_ms, now_ms=now_ms)
    return _goes_on("finish_restore", reply)


async def unload(
    redis: RedisClient,
    keys: RoomKeys,
    *,
    epoch: int,
    closed_ms: int,
    loaded_ms: int,
    now_ms: int = REDIS_TIME,
) -> bool:
    """Remove the room from Redis if it has been closed and loaded for long enough and nothing is lost by
    it."""
    times = {"closed_ms": closed_ms, "loaded_ms": loaded_ms, "now_ms": now_ms}
    reply = loaded(await call(redis, "unload", keys, epoch=epoch, **times))
    return status_word("unload", reply) == "unloaded"


def _goes_on(name: str, reply: list[str]) -> bool:
    return status_word(name, reply) != "superseded"
