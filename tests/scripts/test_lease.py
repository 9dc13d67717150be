"""lease.lua: one worker at a time owns a room."""

from __future__ import annotations

from app.store.scripts import leases
from app.store.scripts.leases import Bid
from tests.support.builders import KEYS, Client

LONG_MS = 60_000


async def take(redis: Client, worker: str, rooms: int = 1, *, even: bool = True) -> int:
    return await leases.lease(redis, KEYS, worker, Bid(rooms, even), lease_ms=LONG_MS)


async def test_one_has_it_and_puts_off_its_end(redis: Client) -> None:
    assert await take(redis, "a") == 0
    assert 0 < await take(redis, "b") <= LONG_MS
    await redis.pexpire(KEYS.lease, 1_000)
    assert 0 < await take(redis, "b") <= 1_000
    assert await take(redis, "a") == 0
    assert await redis.pttl(KEYS.lease) > 1_000


async def test_what_has_run_out_is_the_next_ones(redis: Client) -> None:
    assert await take(redis, "a") == 0
    await redis.delete(KEYS.lease)
    assert await take(redis, "b", even=False) == 0
    assert await take(redis, "a") > 0


async def test_who_has_more_rooms_gives_one_to_who_has_fewer(redis: Client) -> None:
    assert await take(redis, "a|odd", 3) == 0
    assert await take(redis, "b", 3) > 0
    assert await take(redis, "b", 2, even=False) > 0
    assert await take(redis, "b", 2) == 0
    assert await take(redis, "a|odd", 3) > 0, "it would own more again"
