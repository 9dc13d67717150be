"""shrink.lua: cancelled tickets of an order are free again, once, and it never makes an order larger."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.shrinking import shrink
from app.store.scripts.stock import Request, RoomNotReady, confirm
from tests.support.sales import KEYS, NOW, decide, give_sessions, put_on_sale, stock


async def sold(redis: Redis) -> None:
    """Ann has bought three places on the floor and two on the balcony."""
    await put_on_sale(redis, ends_on_confirm=0)
    await give_sessions(redis, "ann")
    await decide(redis, Request("r1", "ann", "floor:3,balcony:2"))
    await confirm(redis, KEYS, ["r1"], now_ms=NOW)


async def test_tickets_go_back_once_and_the_rest_stays_sold(redis: Redis) -> None:
    await sold(redis)
    for _ in range(2):
        await shrink(redis, KEYS, [("r1", "floor:1:5000,balcony:2:3000")])
        assert await stock(redis, "floor") == (9, 0, 1)
        assert await stock(redis, "balcony") == (3, 0, 2)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "3", "ann:sold": "3"}
    assert (await redis.hget(KEYS.holds, "r1")).startswith("sold|ann|")


async def test_what_comes_late_does_not_undo_what_came_after_it(redis: Redis) -> None:
    await sold(redis)
    assert await shrink(redis, KEYS, [("r1", "balcony:1:3000")]) == 1
    assert await shrink(redis, KEYS, [("r1", "floor:2:5000,balcony:2:3000")]) == 0
    assert await shrink(redis, KEYS, [("never-heard-of", "floor:1:5000")]) == 0
    assert await stock(redis, "floor") == (10, 0, 0)
    assert await stock(redis, "balcony") == (4, 0, 1)


async def test_a_hold_that_is_not_known_as_sold_yet_shrinks_as_a_hold(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    await decide(redis, Request("r1", "ann", "floor:3"))
    assert await shrink(redis, KEYS, [("r1", "floor:1:5000")]) == 1
    assert await stock(redis, "floor") == (9, 1, 0)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "1"}


@pytest.mark.parametrize("word", ["unknown", "restoring"])
async def test_a_room_that_is_not_ready_is_told_later(redis: Redis, word: str) -> None:
    await sold(redis)
    if word == "restoring":
        await redis.hset(KEYS.conf, "restoring", "1")
    else:
        await redis.delete(KEYS.conf)
    with pytest.raises(RoomNotReady):
        await shrink(redis, KEYS, [("r1", "floor:1:5000")])
