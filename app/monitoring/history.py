"""Samples of rooms, every second, and the steps they are rolled up into. For graphs and reports only.

A sample stays in Redis for a quarter of an hour. A job rolls samples up into rows of Postgres. Where nothing
was sampled, because no worker ran or a store was unavailable, there is no row: gaps are not filled.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

from app import metrics
from app.core.clock import now_ms
from app.core.model import Room, RoomId, RoomStatus
from app.core.ranges import ranges_text
from app.core.waiting_room.history import (
    COARSE_S,
    EVERY_MS,
    FINE_S,
    KEPT_MS,
    Point,
    Sample,
    p99_ms,
    points,
    since_creation,
    step_end_ms,
    step_s_for,
    steps,
)
from app.core.waiting_room.wait_estimate import published_pace
from app.monitoring import counts
from app.store.away import stores_answer
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys
from app.store.redis import busy, history
from app.store.redis.history import SampleCounts
from app.store.sql.monitoring import room_history
from app.store.sql.monitoring.room_history import StoredStep
from app.waiting_room import room_lists
from app.waiting_room.queue import Queues

HistoryRange = Literal["5m", "15m", "1h", "sale"]
RANGES_S: dict[HistoryRange, int] = {"5m": 300, "15m": 900, "1h": 3_600}
P99_OVER = 30  # readings: half a minute
AHEAD_MS = 60_000  # no other worker's clock is this far ahead: ours was set back
SAMPLED_MS = 10_000  # after the room's last activity
SAMPLED_MAX = 500
QUIET = ("scheduled", "closed")  # rooms in these states are sampled only while somebody is in them


class Latency:
    """The p99 of reserving over the last half minute, from the counts of all web processes."""

    def __init__(self) -> None:
        self._readings: deque[list[int]] = deque(maxlen=P99_OVER)

    async def read(self, redis: RedisClient) -> int | None:
        """The current value; None while nobody reserves."""
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
        busy_now = await room_lists.busy_rooms(queues, within_ms=SAMPLED_MS, limit=SAMPLED_MAX)
        busy = [(RoomKeys(it[0].room_id), *it) for it in busy_now if _is_worth_keeping(it[1])]
        counts = await history.read(redis, [(keys, bool(room.event_id)) for keys, room, _ in busy])
        samples = []
        for (keys, room, status), counted in zip(busy, counts, strict=True):
            if counted is None:
                continue
            ahead = counted.newest_ms - at_ms > AHEAD_MS
            if ahead:
                await history.begin_anew(redis, keys)
            if ahead or at_ms - counted.newest_ms >= EVERY_MS:
                samples.append((keys, _sample(room, status, counted, at_ms, slow_ms)))
        if samples:
            await history.add(redis, samples)


def _is_worth_keeping(status: RoomStatus) -> bool:
    return status.state not in QUIET or bool(status.waiting or status.called or status.active)


async def roll_up(stores: Stores, at_ms: int = 0) -> None:
    """Store the steps completed since the last time, for all rooms that were sampled lately.

    Can run twice. Steps missed, while no worker ran or Postgres was unavailable, are caught up as far as
    samples are still kept.
    """
    now = at_ms or now_ms()
    room_ids = await busy.busy_rooms(stores.redis, busy.KEYS, within_ms=KEPT_MS, limit=SAMPLED_MAX)
    if not room_ids:
        return
    newest = await room_history.select_newest(stores.postgres, room_ids, FINE_S, now - KEPT_MS)
    begins = {it: _minute_begin_ms(newest.get(it, now - KEPT_MS)) for it in room_ids}
    by_room = await history.since_each(stores.redis, [(RoomKeys(it), begins[it] + 1) for it in room_ids])
    ended = [
        StoredStep(room_id, step_s, step)
        for room_id, samples in zip(room_ids, by_room, strict=True)
        for step_s in (FINE_S, COARSE_S)
        for step in steps(samples, step_s, now)
    ]
    if ended:
        await room_history.insert_steps(stores.postgres, ended)


class RoomHistory(NamedTuple):
    """A room's history; its points are `step_s` apart, unless some are missing."""

    step_s: int
    points: list[Point]


async def over(stores: Stores, room_id: RoomId, span: HistoryRange, at_ms: int = 0) -> RoomHistory:
    """A room's history over a range, or since its first sample. Raises StoreUnavailable."""
    now = at_ms or now_ms()
    if span in ("5m", "15m"):
        samples = await recent(stores, room_id, now - 1000 * RANGES_S[span])
        return RoomHistory(EVERY_MS // 1000, points(samples))
    with stores_answer():
        if span == "1h":
            since_ms = now - 1000 * RANGES_S[span]
            fine = await room_history.select_steps(stores.postgres, room_id, FINE_S, since_ms - 1000 * FINE_S)
            drawn = points(
                [it.sample for it in fine]
            )  # so that the first one has a predecessor for its rates
            return RoomHistory(FINE_S, [it for it in drawn if it.at_ms > since_ms])
        first_ms = await room_history.select_first(stores.postgres, room_id)
        if first_ms is None:
            return RoomHistory(COARSE_S, [])
        step_s = step_s_for((now - first_ms) / 1000)  # FINE_S at most for two hours: they are kept for a day
        stored = await room_history.select_steps(stores.postgres, room_id, step_s)
    return RoomHistory(step_s, since_creation([it.sample for it in stored], step_s))


def _minute_begin_ms(at_ms: int) -> int:
    """The end of the previous minute: a minute is rolled up from all of its samples."""
    return step_end_ms(at_ms, COARSE_S) - 1000 * COARSE_S


async def recent(stores: Stores, room_id: RoomId, since_ms: int = 0) -> list[Sample]:
    """The samples of the last quarter of an hour, or those from a time on. Raises StoreUnavailable."""
    with stores_answer():
        return await history.since(stores.redis, RoomKeys(room_id), max(since_ms, now_ms() - KEPT_MS))


def _sample(room: Room, status: RoomStatus, counts: SampleCounts, at_ms: int, slow_ms: int | None) -> Sample:
    pace = published_pace(status, room.settings.admission_rate_per_minute)
    return Sample(
        at_ms=at_ms,
        state=status.state,
        waiting=status.waiting,
        called=status.called,
        active=status.active,
        outflow_per_minute=status.outflow_per_minute,
        rate_per_minute=room.settings.admission_rate_per_minute,
        cap=room.settings.active_visitors_max,
        joined=counts.joined,
        no_shows=counts.no_shows,
        requests=counts.requests,
        backlog=counts.backlog,
        free=status.available,
        held=status.held,
        sold=None if status.available is None else counts.sold,
        reserve_p99_ms=slow_ms,
        serving_position=status.serving_position,
        last_number=status.last_number,
        pace=None if pace is None else (pace.first_s, pace.base_s, pace.each_s),
        generation=status.generation,
        admitted=counts.admitted,
        leavers=counts.leavers,
        ranges=ranges_text(pace.ranges) if pace else "",
    )
