"""How long a queue has been stalled, as noted by the scripts; `core/waiting_room/stalls.py` judges it."""

from __future__ import annotations

from app.store.scripts import room
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor, change_room
from tests.support.queue_steps import crowd, join, tick


async def a_queue(redis: Client) -> None:
    """Three visitors wait in an open room with an empty bucket."""
    await a_room(redis, "paused", admission_rate_per_minute=60)
    await crowd(redis, 3)
    await redis.hset(KEYS.meter, "level", 0)
    await change_room(redis, 5, admission_rate_per_minute=60)


async def test_until_when_somebody_was_called_or_it_is_clear_why_not(redis: Client) -> None:
    await a_queue(redis)
    paused_at = NOW + 10_000
    assert (await tick(redis)).status.moved_ms == NOW  # the first tick sets it
    assert (await tick(redis, NOW + 1_000)).calls == 1
    assert (await tick(redis, NOW + 1_500)).status.moved_ms == NOW + 1_000
    assert (await room.status(redis, KEYS, now_ms=NOW + 9_000)).moved_ms == NOW + 1_000  # no worker ticks
    await change_room(redis, 7, to="paused", now_ms=paused_at, admission_rate_per_minute=60)
    assert (await tick(redis, paused_at + 5_000)).status.moved_ms == paused_at + 5_000
    await change_room(redis, 8, now_ms=paused_at + 6_000, admission_rate_per_minute=60)
    assert (await room.status(redis, KEYS, now_ms=paused_at + 9_000)).moved_ms == paused_at + 6_000
    await tick(redis, paused_at + 60_000)
    found = await tick(redis, paused_at + 61_000)
    assert (found.status.waiting, found.status.moved_ms) == (0, paused_at + 61_000)
    later = paused_at + 90_000
    assert (await tick(redis, later)).status.moved_ms == later  # nobody waits
    await join(redis, a_visitor(), a_visitor(), now_ms=later + 5_000)  # called immediately
    assert (await room.status(redis, KEYS, now_ms=later + 6_000)).moved_ms == later + 5_000


async def test_while_postgres_is_away_the_queue_stands_still(redis: Client) -> None:
    await a_queue(redis)
    await tick(redis)
    assert (await tick(redis, NOW + 45_000, limit=0)).status.moved_ms == NOW
