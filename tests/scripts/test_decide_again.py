"""decide_again.lua: a request gets all or nothing, at the stock's price, and a known id keeps its outcome."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.store.scripts.stock import Decision, Request, RoomNotReady, Settlement, decide_again, release, settle
from tests.support.sales import KEYS, NOW, decide, give_sessions, put_on_sale, stock

LATER = NOW + 60_000


async def test_a_hold_takes_stock_and_allowance_and_names_the_price(redis: Redis) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    request = Request("r1", "ann", "floor:2,balcony:1")
    assert await decide(redis, request) == [
        Decision("held", f"13000|EUR|{NOW}|{NOW + 300_000}|floor:2:5000,balcony:1:3000")
    ]
    assert await stock(redis, "floor") == (8, 2, 0)
    assert await stock(redis, "balcony") == (4, 1, 0)
    assert await redis.hgetall(KEYS.allowance) == {"ann": "3"}
    assert await redis.smembers(KEYS.buyers) == {"ann"}
    found = await decide_again(redis, KEYS, [request], now_ms=NOW)
    assert (found.epoch, found.event_id) == (1, "gala")


async def test_a_request_from_before_a_wipe_takes_nothing(redis: Redis) -> None:
    await put_on_sale(redis)
    found = await decide_again(redis, KEYS, [Request("r1", "ann", "floor:2")], now_ms=NOW)
    assert found.decisions == [Decision("forgotten", "")]
    assert await stock(redis) == (10, 0, 0)


async def test_the_same_batch_again_changes_nothing_and_answers_the_same(redis: Redis) -> None:
    await put_on_sale(redis)
    batch = [Request("r1", "ann", "floor:2"), Request("r1", "ann", "floor:2")]
    first = await decide(redis, *batch)
    assert [it.word for it in first] == ["held", "known"]
    again = await decide(redis, *batch, now_ms=LATER)
    assert [it.terms for it in again] == [it.terms for it in first]
    assert await stock(redis) == (8, 2, 0)


async def test_a_hold_that_nobody_could_be_told_of_in_time_begins_anew(redis: Redis) -> None:
    await put_on_sale(redis)
    request, over = Request("r1", "ann", "floor:2"), NOW + 300_000
    await decide(redis, request)
    terms = f"10000|EUR|{over}|{over + 300_000}|floor:2:5000"
    assert await decide(redis, request, now_ms=over) == [Decision("known", terms)]
    assert await redis.hget(KEYS.holds, "r1") == f"held|ann|{terms}"
    await settle(redis, KEYS, [Settlement("1-1", "r1", "print", "", f"held|{terms}")])
    assert await decide(redis, request, now_ms=over + 300_000) == [Decision("known", terms)]
    assert await stock(redis) == (8, 2, 0)


async def test_all_or_nothing(redis: Redis) -> None:
    await put_on_sale(redis)
    assert await decide(redis, Request("r1", "ann", "floor:1,balcony:6")) == [Decision("sold_out", "")]
    assert await stock(redis, "floor") == (10, 0, 0)
    assert not await redis.exists(KEYS.allowance, KEYS.holds)


async def test_the_last_ticket_goes_to_the_first_and_the_rest_are_told(redis: Redis) -> None:
    await put_on_sale(redis, totals={"floor": 2})
    batch = [Request(f"r{i}", f"visitor{i}", "floor:1") for i in range(4)]
    assert [it.word for it in await decide(redis, *batch)] == ["held", "held", "sold_out", "sold_out"]
    assert await stock(redis) == (0, 2, 0)


async def test_a_refusal_stays_one_for_a_worker_that_takes_the_batch_over(redis: Redis) -> None:
    await put_on_sale(redis, totals={"floor": 1})
    batch = [Request("r1", "ann", "floor:1"), Request("r2", "bob", "floor:1")]
    assert [it.word for it in await decide(redis, *batch)] == ["held", "sold_out"]
    await release(redis, KEYS, ["r1"])
    again = await decide_again(redis, KEYS, batch[1:], now_ms=LATER)
    assert again.decisions == [Decision("settled", "sold_out|bob")]
    assert await stock(redis) == (1, 0, 0)


async def test_the_limit_holds_within_a_batch_too(redis: Redis) -> None:
    await put_on_sale(redis, max_tickets=3)
    batch = [
        Request("r1", "ann", "floor:2"),
        Request("r2", "ann", "floor:2"),
        Request("r3", "ann", "floor:1"),
    ]
    assert [it.word for it in await decide(redis, *batch)] == ["held", "limit_exceeded", "held"]


async def test_a_settled_request_whose_hold_has_ended_takes_nothing_again(redis: Redis) -> None:
    await put_on_sale(redis)
    request = Request("r1", "ann", "floor:2")
    [held] = await decide(redis, request)
    outcome = f"held|{held.terms}"
    await settle(redis, KEYS, [Settlement("1-1", "r1", "print", "", outcome)])
    await release(redis, KEYS, ["r1"])
    assert await decide(redis, request) == [Decision("settled", outcome)]
    assert await stock(redis) == (10, 0, 0)


async def test_a_buyer_whose_session_ended_meanwhile_is_not_marked(redis: Redis) -> None:
    await put_on_sale(redis)
    await decide(redis, Request("r1", "ann", "floor:2"))
    assert not await redis.exists(KEYS.buyers)


async def test_large_amounts_stay_exact(redis: Redis) -> None:
    await put_on_sale(redis)
    await redis.hset(KEYS.stock, "price:floor", str(10**14 + 1))
    [held] = await decide(redis, Request("r1", "ann", "floor:3"))
    assert held.terms.split("|")[0] == str(3 * (10**14 + 1))


@pytest.mark.parametrize("word", ["unknown", "restoring"])
async def test_nothing_is_decided_in_a_room_that_is_not_ready(redis: Redis, word: str) -> None:
    if word == "restoring":
        await put_on_sale(redis, restoring=1)
    with pytest.raises(RoomNotReady) as refused:
        await decide(redis, Request("r1", "ann", "floor:2"))
    assert refused.value.word == word
    assert not await redis.exists(KEYS.holds)
