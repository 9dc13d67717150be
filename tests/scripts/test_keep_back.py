"""keep_back.lua: staff take free seats off sale and put them back; seats that somebody has are left alone."""

from __future__ import annotations

from random import Random

import pytest
from redis.asyncio import Redis

from app.core.catalogue.seating import BLOCKED, FREE
from app.store.scripts.filling import keep_back
from app.store.scripts.stock import Request, RoomNotReady, confirm, release
from tests.support.sales import KEYS, decide, stock
from tests.support.seating import a_section, put_seats_on_sale, states

A1, A2, B1 = "stalls-a-1", "stalls-a-2", "stalls-b-1"


async def test_a_blocked_seat_is_not_sold_and_the_stock_follows(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    for _ in range(2):
        assert await keep_back(redis, KEYS, [A1, "stalls-z-9", A2], to=BLOCKED) == [A1, A2]
        assert await states(redis) == {"a": "bbfff", "b": "fffff", "c": "fffff"}
        assert await stock(redis, "stalls") == (13, 0, 0)
    named, best = await decide(
        redis, Request("r1", "ann", f"stalls:1@{A2}"), Request("r2", "bob", "stalls:4@*")
    )
    assert (named.word, named.terms) == ("seat_taken", A2)
    assert best.terms.endswith("@stalls-b-1+stalls-b-2+stalls-b-3+stalls-b-4")
    for _ in range(2):
        assert await keep_back(redis, KEYS, [A1, A2], to=FREE) == [A1, A2]
    assert (await states(redis))["a"] == "fffff"
    assert await stock(redis, "stalls") == (11, 4, 0)


async def test_what_is_held_or_sold_is_never_blocked_nor_released(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, Request("r1", "ann", f"stalls:1@{A1}"), Request("r2", "bob", f"stalls:1@{A2}"))
    await confirm(redis, KEYS, ["r2"])
    for to in (BLOCKED, FREE):
        assert await keep_back(redis, KEYS, [A1, A2], to=to) == []
    assert (await states(redis))["a"] == "hsfff"
    assert await stock(redis, "stalls") == (13, 1, 1)


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_keeps_each_seat_with_one(redis: Redis, seed: int) -> None:
    random, section = Random(seed), a_section(rows=3, seats_per_row=4)
    await put_seats_on_sale(redis, section, max_tickets=100)
    ids = [f"stalls-{row.row}-{number}" for row in section.rows for number in row.numbers()]
    held: dict[str, str] = {}
    blocked: set[str] = set()
    for n in range(60):
        seat, step = random.choice(ids), random.random()
        if step < 0.35:
            [decision] = await decide(redis, Request(f"r{n}", "ann", f"stalls:1@{seat}"))
            assert (decision.word == "held") == (seat not in blocked and seat not in held.values())
            if decision.word == "held":
                held[f"r{n}"] = seat
        elif step < 0.5 and held:
            ended = random.choice(list(held))
            await release(redis, KEYS, [ended])
            del held[ended]
        elif step < 0.8:
            done = await keep_back(redis, KEYS, [seat], to=BLOCKED)
            assert bool(done) == (seat not in held.values())
            blocked.update(done)
        else:
            await keep_back(redis, KEYS, [seat], to=FREE)
            blocked.discard(seat)
        shown = "".join((await states(redis)).values())
        assert (shown.count("h"), shown.count("b")) == (len(held), len(blocked))
        assert await stock(redis, "stalls") == (12 - len(held) - len(blocked), len(held), 0)


@pytest.mark.parametrize("word", ["unknown", "restoring"])
async def test_a_room_that_is_not_ready_is_left_alone(redis: Redis, word: str) -> None:
    if word == "restoring":
        await put_seats_on_sale(redis, restoring=1)
    with pytest.raises(RoomNotReady) as refused:
        await keep_back(redis, KEYS, [A1], to=BLOCKED)
    assert refused.value.word == word
