"""Measures the pace of a queue at each tick, and stores it in the room. Waits are estimated from it."""

from __future__ import annotations

from app.core.model import Pace
from app.core.waiting_room.wait_estimate import QueueMeasurements, learn, measure, next_pace, published_pace
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import admission
from app.store.scripts.admission import Tick

MEASURE_EVERY_MS = 1_000


async def follow(
    redis: RedisClient, keys: RoomKeys, measured: QueueMeasurements, tick: Tick
) -> QueueMeasurements:
    """Take another tick into account, and publish the pace if it changed. Returns what is known now.

    Any number of workers may do so at once: all measure the same room, and a pace is only written if the
    stored one is still the one that was read.
    """
    measured, pace = judge(measured, tick)
    if pace is not None:
        await admission.show_pace(redis, keys, tick.status.pace, pace)
    return measured


def judge(measured: QueueMeasurements, tick: Tick) -> tuple[QueueMeasurements, Pace | None]:
    """What is known after another tick, and the pace to publish; None if it did not change."""
    now, last = tick.moment, measured.last
    if last is not None and now.now_ms - last.now_ms < MEASURE_EVERY_MS:
        if (now.state, now.rate_per_minute) == (last.state, last.rate_per_minute):
            return measured, None
    stored = tick.status.pace
    published = published_pace(tick.status, now.rate_per_minute)
    measured = learn(measure(measured, now), stored, published)
    pace = next_pace(stored, measured)
    return measured, None if pace == stored else pace
