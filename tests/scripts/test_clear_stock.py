"""clear_stock.lua: only the restore that started last may empty a room, and only while it runs."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.filling import clear_stock
from app.store.scripts.stock import Request, RoomNotReady
from tests.support.sales import KEYS, decide, give_sessions, put_on_sale


async def test_everything_of_the_reservation_half_goes_and_nothing_else(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    await decide(redis, Request("r1", "ann", "floor:4"))
    await redis.hset(KEYS.conf, "restoring", "1")
    await clear_stock(redis, KEYS, epoch=1)
    assert not await redis.exists(KEYS.stock, KEYS.holds, KEYS.allowance, KEYS.buyers)
    assert await redis.exists(KEYS.conf, KEYS.active, KEYS.turns) == 3


@pytest.mark.parametrize("conf", [{"restoring": "0"}, {"restoring": "1", "epoch": "2"}])
async def test_a_room_that_sells_or_that_another_restores_stays(redis: Redis, conf: dict[str, str]) -> None:
    await put_on_sale(redis)
    await redis.hset(KEYS.conf, mapping=conf)
    with pytest.raises(RoomNotReady):
        await clear_stock(redis, KEYS, epoch=1)
    assert await redis.exists(KEYS.stock)
