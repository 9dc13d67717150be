"""release.lua: an ended reservation gives back its stock, its allowance and the buyer's mark, once."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.stock import Request, RoomNotReady, confirm, release
from tests.support.sales import KEYS, NOW, decide, give_sessions, put_on_sale, stock


async def hold(redis: Redis, **held: str) -> None:
    """Holds by reservation id, all of them ann's."""
    await put_on_sale(redis, ends_on_confirm=0)
    await give_sessions(redis, "ann")
    await decide(redis, *(Request(it, "ann", items) for it, items in held.items()))


async def test_a_hold_gives_everything_back(redis: Redis) -> None:
    await hold(redis, r1="floor:2,balcony:1")
    assert await release(redis, KEYS, ["r1"]) == 1
    assert await stock(redis, "floor") == (10, 0, 0)
    assert await stock(redis, "balcony") == (5, 0, 0)
    assert not await redis.exists(KEYS.holds, KEYS.allowance, KEYS.buyers)


async def test_a_second_release_gives_nothing(redis: Redis) -> None:
    await hold(redis, r1="floor:2")
    assert await release(redis, KEYS, ["r1", "r1", "never-heard-of"]) == 1
    assert await release(redis, KEYS, ["r1"]) == 0
    assert await stock(redis) == (10, 0, 0)


async def test_who_still_holds_something_stays_a_buyer(redis: Redis) -> None:
    await hold(redis, r1="floor:2", r2="floor:3")
    await release(redis, KEYS, ["r1"])
    assert await stock(redis) == (7, 3, 0)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "3"}
    assert await redis.smembers(KEYS.buyers) == {"ann"}


async def test_sold_tickets_go_back_on_sale_too(redis: Redis) -> None:
    await hold(redis, r1="floor:2", r2="floor:1")
    await confirm(redis, KEYS, ["r1", "r2"], now_ms=NOW)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "3", "ann:sold": "3"}
    assert await release(redis, KEYS, ["r1"]) == 1
    assert await stock(redis) == (9, 0, 1)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "1", "ann:sold": "1"}


@pytest.mark.parametrize("word", ["unknown", "restoring"])
async def test_a_room_that_is_not_ready_is_told_later(redis: Redis, word: str) -> None:
    await hold(redis, r1="floor:2")
    if word == "restoring":
        await redis.hset(KEYS.conf, "restoring", "1")
    else:
        await redis.delete(KEYS.conf)
    with pytest.raises(RoomNotReady):
        await release(redis, KEYS, ["r1"])
    assert await redis.hexists(KEYS.holds, "r1")
