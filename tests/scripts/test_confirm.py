"""confirm.lua: a paid hold becomes sold, once, and a buyer who is done frees the slot."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.stock import Request, RoomNotReady, confirm, release
from tests.support.sales import KEYS, NOW, TOTALS, decide, give_sessions, put_on_sale, stock


async def hold(redis: Redis, held: dict[str, str], **conf: int) -> None:
    await put_on_sale(redis, KEYS, TOTALS, **conf)
    await give_sessions(redis, "ann")
    await decide(redis, *(Request(it, "ann", items) for it, items in held.items()))


async def inside(redis: Redis) -> bool:
    return await redis.zscore(KEYS.active, "ann") is not None


async def test_held_becomes_sold_once(redis: Redis) -> None:
    await hold(redis, {"r1": "floor:2,balcony:1"})
    assert await confirm(redis, KEYS, ["r1"], now_ms=NOW) == 1
    assert await confirm(redis, KEYS, ["r1", "r1"], now_ms=NOW) == 0
    assert await stock(redis, "floor") == (8, 0, 2)
    assert await stock(redis, "balcony") == (4, 0, 1)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "3", "ann:sold": "3"}


async def test_a_purchase_ends_the_session_where_the_room_says_so(redis: Redis) -> None:
    await hold(redis, {"r1": "floor:2", "r2": "floor:1"})
    await confirm(redis, KEYS, ["r1"], now_ms=NOW)
    assert not await inside(redis)
    assert not await redis.exists(KEYS.turns, KEYS.buyers)
    assert await redis.zscore(KEYS.ended, "ann") == NOW
    assert await redis.hget(KEYS.meter, "done") == "1"
    assert (await redis.hget(KEYS.endings, "ann") or "").startswith("done|")
    assert await confirm(redis, KEYS, ["r2"], now_ms=NOW + 1) == 1  # the other hold can still be paid for
    assert await redis.zscore(KEYS.ended, "ann") == NOW


async def test_else_only_the_most_tickets_allowed_end_it(redis: Redis) -> None:
    await hold(redis, {"r1": "floor:2", "r2": "floor:1"}, ends_on_confirm=0, max_tickets=3)
    await confirm(redis, KEYS, ["r1"], now_ms=NOW)
    assert await inside(redis)
    assert await redis.smembers(KEYS.buyers) == {"ann"}
    await confirm(redis, KEYS, ["r2"], now_ms=NOW)
    assert not await inside(redis)


async def test_a_reservation_that_was_given_back_is_not_sold(redis: Redis) -> None:
    await hold(redis, {"r1": "floor:2"})
    await release(redis, KEYS, ["r1"])
    assert await confirm(redis, KEYS, ["r1"], now_ms=NOW) == 0
    assert await stock(redis) == (10, 0, 0)


@pytest.mark.parametrize("word", ["unknown", "restoring"])
async def test_a_room_that_is_not_ready_is_told_later(redis: Redis, word: str) -> None:
    if word == "restoring":
        await put_on_sale(redis, restoring=1)
    with pytest.raises(RoomNotReady):
        await confirm(redis, KEYS, ["r1"], now_ms=NOW)
