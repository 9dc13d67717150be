"""turn_part.lua: a part gets its numbers for a round, and is read."""

from __future__ import annotations

import pytest

from app.store.scripts.parts import PartLost
from tests.support.builders import Client
from tests.support.parts import PART_KEYS, PARTS, a_room_in_parts, give_numbers, join_part, numbers_of


async def test_parts_have_every_third_number(redis: Client) -> None:
    await a_room_in_parts(redis)
    for part in range(PARTS):
        assert await numbers_of(redis, f"a{part}", f"b{part}", part=part) == [1 + part, 4 + part]


async def test_what_was_read_is_complete_up_to_the_next_number(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    await join_part(redis, "ann", "bob", part=1)
    found = await give_numbers(redis, now, 1)
    assert found.arrivals == [("ann", 2), ("bob", 5)]
    assert (found.complete, found.used, found.used_before) == (7, 2, 0)
    assert (await give_numbers(redis, now._replace(gathered_to=2), 1)).arrivals == [("bob", 5)]


async def test_a_part_of_it_is_complete_up_to_its_last(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    await join_part(redis, "ann", "bob")
    found = await give_numbers(redis, now, limit=1)
    assert (found.complete, found.arrivals) == (1, [("ann", 1)])


async def test_a_round_that_is_used_up_is_complete_to_its_end(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    await join_part(redis, *(f"v{it}" for it in range(now.size)), part=1)
    assert (await give_numbers(redis, now, 1)).complete == now.size * PARTS


async def test_a_later_round_ends_the_one_before(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    await join_part(redis, "ann")
    later = now._replace(number=2, base=101, size=5)
    found = await give_numbers(redis, later)
    assert (found.complete, found.used, found.used_before) == (100, 0, 1)
    assert (await give_numbers(redis, now)).complete == 100  # by a worker that is late
    assert await numbers_of(redis, "bob") == [101]


async def test_a_part_that_is_not_what_was_opened_is_lost(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    with pytest.raises(PartLost):
        await give_numbers(redis, now._replace(epoch=2))
    await redis.hset(PART_KEYS[0].part, "run_id", "of a server before its restart")
    with pytest.raises(PartLost):
        await give_numbers(redis, now)
    await redis.delete(PART_KEYS[1].part)
    with pytest.raises(PartLost):
        await give_numbers(redis, now, 1)
