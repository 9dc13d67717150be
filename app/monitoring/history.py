"""Samples of rooms, every two seconds: what the cockpit draws. For display only."""

from __future__ import annotations

from collections import deque

from app import metrics
from app.core.clock import now_ms
from app.core.history import EVERY_MS, KEPT_MS, Sample, p99_ms
from app.core.model import Room, RoomId, RoomStatus
from app.monitoring import counts
from app.store.away import stores_answer
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys
from app.store.redis import history
from app.store.redis.history import SampleCounts
from app.waiting_room import room_lists
from app.waiting_room.queue import Queues

P99_OVER = 15  # readings: half a minute
AHEAD_MS = 60_000  # no clock of another worker is: ours was set back
SAMPLED_MS = 10_000  # after somebody had to do with it
SAMPLED_MAX = 500
QUIET = ("scheduled", "closed")  # rooms in these states are sampled while somebody is in them


class Latency:
    """p99 of reserve over the last half minute, from what all web processes counted."""

    def __init__(self) -> None:
        self._readings: deque[list[int]] = deque(maxlen=P99_OVER)

    async def read(self, redis: RedisClient) -> int | None:
        """As of now; None while nobody reserves."""
        now = await counts.durations(redis, "reserve")
        self._readings.append(now)
        grown = [max(0, count - before) for count, before in zip(now, self._readings[0], strict=True)]
        return p99_ms(grown, metrics.BUCKETS_S)


async def take_sample(queues: Queues, latency: Latency) -> None:
    """Sample each busy room. Any number of workers may do so: each moment is stored once."""
    at_ms = now_ms() // EVERY_MS * EVERY_MS
    redis = queues.stores.redis
    with stores_answer():
        slow_ms = await latency.read(redis)
        known = await room_lists.busy_rooms(queues, within_ms=SAMPLED_MS, limit=SAMPLED_MAX)
        busy = [(RoomKeys(it[0].room_id), *it) for it in known if _is_worth_keeping(it[1])]
        told = await history.read(redis, [(keys, bool(room.event_id)) for keys, room, _ in busy])
        taken = []
        for (keys, room, status), it in zip(busy, told, strict=True):
            if it is None:
                continue
            ahead = it.newest_ms - at_ms > AHEAD_MS
            if ahead:
                await history.begin_anew(redis, keys)
            if ahead or at_ms - it.newest_ms >= EVERY_MS:
                taken.append((keys, _sample(room, status, it, at_ms, slow_ms)))
        if taken:
            await history.add(redis, taken)


def _is_worth_keeping(status: RoomStatus) -> bool:
    return status.state not in QUIET or bool(status.waiting or status.called or status.active)


async def recent(stores: Stores, room_id: RoomId, since_ms: int = 0) -> list[Sample]:
    """The samples of the last quarter of an hour, or those from a moment on. Raises StoreUnavailable."""
    with stores_answer():
        return await history.since(stores.redis, RoomKeys(room_id), max(since_ms, now_ms() - KEPT_MS))


def _sample(room: Room, status: RoomStatus, told: SampleCounts, at_ms: int, slow_ms: int | None) -> Sample:
    return Sample(
        at_ms=at_ms,
        state=status.state,
        waiting=status.waiting,
        called=status.called,
        active=status.active,
        outflow_per_minute=status.outflow_per_minute,
        rate_per_minute=room.settings.admission_rate_per_minute,
        cap=room.settings.active_visitors_max,
        joined=told.joined,
        no_shows=told.no_shows,
        requests=told.requests,
        backlog=told.backlog,
        free=status.available,
        held=status.held,
        sold=None if status.available is None else told.sold,
        reserve_p99_ms=slow_ms,
    )
