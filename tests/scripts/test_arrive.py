"""arrive.lua: a part gives out its numbers."""

from __future__ import annotations

import pytest

from app.store.scripts.parts import ArrivalRecord, arrive
from app.store.scripts.room import NotLoaded
from tests.support.builders import NOW, Client
from tests.support.parts import PART_KEYS, PARTS, a_room_in_parts, join_part, numbers_of


async def test_each_gets_the_next_number_and_keeps_it(redis: Client) -> None:
    await a_room_in_parts(redis)
    found = await join_part(redis, "ann", "bob", "ann")
    assert [tuple(it) for it in found.arrivals] == [("new", 1), ("new", 4), ("known", 1)]
    assert (found.epoch, found.round) == (1, 1)


async def test_whose_number_is_over_gets_another_one_once(redis: Client) -> None:
    await a_room_in_parts(redis)
    await join_part(redis, "ann", "bob")
    assert await numbers_of(redis, "ann", again=1) == [7]
    assert await numbers_of(redis, "ann", again=1) == [7]


async def test_a_round_has_an_end(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    found = await join_part(redis, *(f"v{it}" for it in range(now.size + 1)))
    assert [it.word for it in found.arrivals] == ["new"] * now.size + ["exhausted"]


async def test_an_address_is_throttled(redis: Client) -> None:
    await a_room_in_parts(redis)
    records = [ArrivalRecord(f"v{it}", "a", 0) for it in range(3)]
    found = await arrive(redis, PART_KEYS[0], records, rate=60, burst=2, parts=PARTS, now_ms=NOW)
    assert [tuple(it) for it in found.arrivals] == [("new", 1), ("new", 4), ("limited", 1_000)]


async def test_a_part_that_is_not_open_gives_out_nothing(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await join_part(redis, "ann")
    await a_room_in_parts(redis)
    await redis.hset(PART_KEYS[0].part, "run_id", "of a server before its restart")
    with pytest.raises(NotLoaded):
        await join_part(redis, "ann")
