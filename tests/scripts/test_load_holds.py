"""load_holds.lua: reservations come back with their stock, allowance and outcomes, once each."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.filling import LoadedHold, load_holds
from app.store.scripts.stock import RoomNotReady, release
from tests.support.sales import KEYS, give_sessions, put_on_sale, stock

HELD = LoadedHold("r1", "held|ann|10000|EUR|1|2|floor:2:5000", "print|held|10000|EUR|1|2|floor:2:5000")
SOLD = LoadedHold("r2", "sold|ann|3000|EUR|1|2|balcony:1:3000", "")
ENDED = LoadedHold("r3", "", "print|held|10000|EUR|1|2|floor:2:5000")


async def test_live_reservations_take_their_stock_and_recent_ones_their_outcome(redis: Redis) -> None:
    await put_on_sale(redis, restoring=1)
    await give_sessions(redis, "ann")
    assert await load_holds(redis, KEYS, [HELD, SOLD, ENDED], epoch=1) == 2
    assert await stock(redis, "floor") == (8, 2, 0)
    assert await stock(redis, "balcony") == (4, 0, 1)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "3", "ann:sold": "1"}
    assert await redis.smembers(KEYS.buyers) == {"ann"}
    assert set(await redis.hgetall(KEYS.outcomes)) == {"r1", "r3"}
    assert await redis.ttl(KEYS.outcomes) > 0


async def test_a_chunk_may_be_loaded_twice(redis: Redis) -> None:
    await put_on_sale(redis, restoring=1)
    await load_holds(redis, KEYS, [HELD], epoch=1)
    assert await load_holds(redis, KEYS, [HELD, SOLD], epoch=1) == 1
    assert await stock(redis, "floor") == (8, 2, 0)
    assert await redis.hget(KEYS.allowance, "ann") == "3"


async def test_what_was_loaded_can_be_given_back(redis: Redis) -> None:
    await put_on_sale(redis, restoring=1)
    await load_holds(redis, KEYS, [HELD, SOLD], epoch=1)
    await redis.hset(KEYS.conf, "restoring", "0")
    assert await release(redis, KEYS, ["r1", "r2"]) == 2
    assert await stock(redis, "floor") == (10, 0, 0)
    assert await stock(redis, "balcony") == (5, 0, 0)
    assert not await redis.exists(KEYS.allowance)


@pytest.mark.parametrize("conf", [{"restoring": "0"}, {"restoring": "1", "epoch": "2"}])
async def test_a_room_that_sells_or_that_another_restores_is_left_alone(
    redis: Redis, conf: dict[str, str]
) -> None:
    await put_on_sale(redis)
    await redis.hset(KEYS.conf, mapping=conf)
    with pytest.raises(RoomNotReady):
        await load_holds(redis, KEYS, [HELD], epoch=1)
    assert await stock(redis) == (10, 0, 0)
