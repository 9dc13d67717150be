"""block_seats.lua: seats that Postgres assigned are no longer offered; the counters are left to a restore."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.filling import block_seats
from app.store.scripts.stock import Request, RoomNotReady
from tests.support.sales import KEYS, decide, stock
from tests.support.seating import put_seats_on_sale, states

A1, A2 = "stalls-a-1", "stalls-a-2"


async def test_a_blocked_seat_is_chosen_by_nobody(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    assert await block_seats(redis, KEYS, [(A1, "eve"), (A2, "eve"), ("stalls-z-1", "eve")]) == 2
    assert (await states(redis))["a"] == "hhfff"
    assert await redis.hget(KEYS.sitters, A1) == "eve"
    assert await stock(redis, "stalls") == (15, 0, 0)
    best, named = await decide(
        redis, Request("r1", "ann", "stalls:4@*"), Request("r2", "bob", f"stalls:1@{A2}")
    )
    assert best.terms.endswith("@stalls-b-1+stalls-b-2+stalls-b-3+stalls-b-4")
    assert (named.word, named.terms) == ("seat_taken", A2)


async def test_a_seat_that_is_taken_here_too_stays_whose_it_is(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, Request("r1", "ann", f"stalls:1@{A1}"))
    assert await block_seats(redis, KEYS, [(A1, "eve")]) == 0
    assert await redis.hget(KEYS.sitters, A1) == "ann"


async def test_more_may_be_blocked_than_counters_know(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await block_seats(redis, KEYS, [(f"stalls-{row}-{n}", "eve") for row in "abc" for n in range(1, 6)])
    [refused] = await decide(redis, Request("r1", "ann", "stalls:1@*"))
    assert refused.word == "sold_out"


@pytest.mark.parametrize("word", ["unknown", "restoring"])
async def test_a_room_that_is_not_ready_is_left_alone(redis: Redis, word: str) -> None:
    if word == "restoring":
        await put_seats_on_sale(redis, restoring=1)
    with pytest.raises(RoomNotReady) as refused:
        await block_seats(redis, KEYS, [(A1, "eve")])
    assert refused.value.word == word
