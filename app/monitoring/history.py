"""Samples of rooms, every two seconds: what the cockpit draws. For display only."""

from __future__ import annotations

from collections import deque
from typing import Any

from app import metrics
from app.core.clock import now_ms
from app.core.history import EVERY_MS, KEPT_MS, Sample, p99_ms
from app.core.model import Room, RoomId, RoomStatus
from app.loops import each
from app.restoring.loaded_rooms import stores_answer
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys
from app.store.redis import history
from app.store.scripts import admission
from app.store.scripts.room import NotLoaded
from app.waiting_room import room_lists
from app.waiting_room.queue import Line

P99_OVER = 15  # readings: half a minute
AT_ONCE = 20
SAMPLED_MS = 10_000  # after somebody had to do with it
SAMPLED_MAX = 500
QUIET = ("scheduled", "closed")  # rooms in these states are sampled while somebody is in them


class Latency:
    """p99 of reserve over the last half minute, from what all web processes counted."""

    def __init__(self) -> None:
        self._readings: deque[list[int]] = deque(maxlen=P99_OVER)

    async def read(self, redis: RedisClient) -> int | None:
        """As of now; None while nobody reserves."""
        totals = await metrics.totals(redis)
        now = [totals.get(f"{metrics.RESERVE_LE} {bound}", 0) for bound in metrics.BOUNDS]
        self._readings.append(now)
        grown = [max(0, count - before) for count, before in zip(now, self._readings[0], strict=True)]
        return p99_ms(grown, metrics.BUCKETS_S)


async def take(line: Line, latency: Latency) -> None:
    """One sample of each busy room. Any number of workers may: a moment is kept once."""
    at_ms = now_ms() // EVERY_MS * EVERY_MS
    with stores_answer():
        slow_ms = await latency.read(line.stores.redis)

        async def one(found: tuple[Room, RoomStatus]) -> None:
            room, status = found
            if status.state in QUIET and not (status.waiting or status.called or status.active):
                return
            keys = RoomKeys(room.room_id)
            if await history.is_due(line.stores.redis, keys, at_ms):
                await _take(line.stores.redis, keys, room, status, at_ms, slow_ms)

        known = await room_lists.busy_ones(line, within_ms=SAMPLED_MS, limit=SAMPLED_MAX)
        await each("sample_rooms", known, one, key=lambda it: it[0].room_id, at_once=AT_ONCE)


async def lately(stores: Stores, room_id: RoomId, since_ms: int = 0) -> list[Sample]:
    """The samples of the last quarter of an hour, or those from a moment on. Raises StoreUnavailable."""
    with stores_answer():
        return await history.since(stores.redis, RoomKeys(room_id), max(since_ms, now_ms() - KEPT_MS))


async def _take(
    redis: RedisClient, keys: RoomKeys, room: Room, status: RoomStatus, at_ms: int, slow_ms: int | None
) -> None:
    client: Any = redis
    try:
        counted = await admission.counters(redis, keys)
    except NotLoaded:  # wiped a moment ago
        return
    requests, backlog = await history.requests(redis, keys)
    sold = await client.hget(keys.stock, "sold") if room.event_id else None
    settings = room.settings
    sample = Sample(
        at_ms=at_ms,
        state=status.state,
        waiting=status.waiting,
        called=status.called,
        active=status.active,
        outflow_per_minute=status.outflow_per_minute,
        rate_per_minute=settings.admission_rate_per_minute,
        cap=settings.active_visitors_max,
        joined=counted.joined,
        no_shows=counted.no_shows,
        requests=requests,
        backlog=backlog,
        free=status.available,
        held=status.held,
        sold=None if status.available is None else int(sold or 0),
        reserve_p99_ms=slow_ms,
    )
    await history.add(redis, keys, sample)
