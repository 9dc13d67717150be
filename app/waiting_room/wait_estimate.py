"""The pace of a queue, from which waits are estimated: measured at each tick, stored in the room."""

from __future__ import annotations

from app.core.model import Pace
from app.core.wait_estimate import Measured, learn, measure, next_pace, published_pace
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import admission
from app.store.scripts.admission import Tick

MEASURE_EVERY_MS = 1_000


async def follow(redis: RedisClient, keys: RoomKeys, seen: Measured, tick: Tick) -> Measured:
    """Take another tick into account, and publish a new pace if it changed; what is known now.

    Any number of workers may do so at once: each measures the same room, and a pace is written
    over the one that was read, or not at all.
    """
    seen, pace = judge(seen, tick)
    if pace is not None:
        await admission.show_pace(redis, keys, tick.status.pace, pace)
    return seen


def judge(seen: Measured, tick: Tick) -> tuple[Measured, Pace | None]:
    """What is known after another tick, and the pace to publish if it changed."""
    now, last = tick.moment, seen.last
    if last is not None and now.now_ms - last.now_ms < MEASURE_EVERY_MS:
        if (now.state, now.rate_per_minute) == (last.state, last.rate_per_minute):
            return seen, None
    shown = tick.status.pace
    told = published_pace(tick.status, now.rate_per_minute)
    seen = learn(measure(seen, now), shown, told)
    pace = next_pace(shown, seen)
    return seen, None if pace == shown else pace
