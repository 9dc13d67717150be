"""Correcting the counters of a room from its holds."""

from __future__ import annotations

import pytest

from app.store.redis import ledger
from app.store.scripts import filling
from app.store.scripts import stock as stock_scripts
from app.store.scripts.stock import Request, RoomNotReady
from tests.support.builders import Client
from tests.support.sales import KEYS, decide, give_sessions, put_on_sale, stock
from tests.support.seating import put_seats_on_sale, states

LOST = "held|eve|5000|EUR|1|2|floor:1:5000"
SEATED = "held|eve|7000|EUR|1|2|stalls:1:7000@stalls-a-1"


async def recounted(redis: Client, *records: tuple[str, str], holds_max: int = 100) -> bool:
    return await filling.recount(redis, KEYS, records, holds_max=holds_max)


async def test_counters_and_allowances_follow_the_holds(redis: Client) -> None:
    await put_on_sale(redis)
    await decide(redis, Request("r1", "ann", "balcony:1,floor:2"), Request("r2", "bob", "floor:1"))
    await stock_scripts.confirm(redis, KEYS, ["r2"])
    right = await redis.hgetall(KEYS.stock), await redis.hgetall(KEYS.allowance)
    await redis.hset(KEYS.stock, mapping={"free:floor": 90, "held:floor": 3, "sold": -4, "total": 0})
    await redis.hset(KEYS.allowance, mapping={"ann": 7, "eve": 1})
    assert await recounted(redis)
    assert (await redis.hgetall(KEYS.stock), await redis.hgetall(KEYS.allowance)) == right
    assert await ledger.allowance(redis, KEYS) == {"ann": 3, "bob": 1, "bob:sold": 1}


async def test_a_lost_reservation_is_known_again_once(redis: Client) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "eve")
    for _ in range(2):
        assert await recounted(redis, ("lost", LOST))
        assert await stock(redis) == (9, 1, 0)
        assert await redis.hget(KEYS.holds, "lost") == LOST
        assert await redis.smembers(KEYS.buyers) == {"eve"}


async def test_seats_in_question_follow_the_holds(redis: Client) -> None:
    await put_seats_on_sale(redis)
    await filling.block_seats(redis, KEYS, [("stalls-b-2", "nobody")])
    assert await recounted(redis, ("lost", SEATED), ("stalls-b-2", ""), ("stalls-z-9", ""))
    assert await states(redis) == {"a": "hffff", "b": "fffff", "c": "fffff"}
    assert await redis.hgetall(KEYS.sitters) == {"stalls-a-1": "eve"}
    assert await stock(redis, "stalls") == (14, 1, 0)


async def test_too_many_holds_are_left_alone(redis: Client) -> None:
    await put_on_sale(redis)
    await decide(redis, Request("r1", "ann", "floor:2"), Request("r2", "bob", "floor:1"))
    await redis.hset(KEYS.stock, "free:floor", 90)
    assert not await recounted(redis, holds_max=1)
    assert await redis.hget(KEYS.stock, "free:floor") == "90"


async def test_a_room_that_is_not_there_or_is_restored_is_left_alone(redis: Client) -> None:
    with pytest.raises(RoomNotReady):
        await recounted(redis)
    await put_on_sale(redis, restoring=1)
    with pytest.raises(RoomNotReady):
        await recounted(redis, ("lost", LOST))
    assert not await redis.exists(KEYS.holds)
