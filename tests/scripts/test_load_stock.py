"""load_stock.lua: totals and prices come from Postgres; Redis keeps its own counts of held and sold."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.filling import load_stock
from app.store.scripts.stock import Request, RoomNotReady
from tests.support.sales import KEYS, decide, put_on_sale, stock, ticket_types


async def test_a_total_may_change_while_tickets_are_held(redis: Redis) -> None:
    await put_on_sale(redis)
    await decide(redis, Request("r1", "ann", "floor:4"))
    assert await load_stock(redis, KEYS, ticket_types({"floor": 20})) == 21
    assert await stock(redis) == (16, 4, 0)
    assert await load_stock(redis, KEYS, ticket_types({"floor": 4})) == 5
    assert await stock(redis) == (0, 4, 0)


async def test_the_same_again_changes_nothing(redis: Redis) -> None:
    await put_on_sale(redis)
    before = await redis.hgetall(KEYS.stock)
    await load_stock(redis, KEYS, ticket_types())
    assert await redis.hgetall(KEYS.stock) == before


async def test_a_new_type_joins_and_a_new_price_counts(redis: Redis) -> None:
    await put_on_sale(redis)
    await load_stock(redis, KEYS, ticket_types({"royal-box": 2}))
    assert await stock(redis, "royal-box") == (2, 0, 0)
    assert await redis.hget(KEYS.stock, "price:royal-box") == "1000"


async def test_a_type_without_tickets_is_sold_out_from_the_start(redis: Redis) -> None:
    await put_on_sale(redis, totals={"floor": 0})
    assert await stock(redis) == (0, 0, 0)


async def test_a_room_that_is_not_loaded_gets_its_stock_when_it_is(redis: Redis) -> None:
    with pytest.raises(RoomNotReady):
        await load_stock(redis, KEYS, ticket_types())
    assert await redis.dbsize() == 0
