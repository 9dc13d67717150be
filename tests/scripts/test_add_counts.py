"""add_counts.lua: what a process counted enters the sums once, however often it is sent."""

from __future__ import annotations

from app.store.redis import counts
from app.store.redis.counts import KEYS, add_counts
from tests.support.builders import Client


async def test_sent_again_it_adds_nothing(redis: Client) -> None:
    for turn in (1, 1, 2, 2, 1):
        await add_counts(redis, KEYS, {"a": 1, "b": 0.25}, process="one", turn=turn)
    await add_counts(redis, KEYS, {"a": 5}, process="two", turn=1)
    assert await counts.sums(redis) == {"a": 7, "b": 0.5}
    assert await redis.ttl(KEYS.counts) > 0


async def test_the_memory_of_processes_has_a_limit(redis: Client) -> None:
    for process in range(5):
        await add_counts(redis, KEYS, {"a": 1}, process=str(process), turn=1, processes_max=2)
    assert await redis.hlen(KEYS.counted) <= 2
    assert await counts.sums(redis) == {"a": 5}
