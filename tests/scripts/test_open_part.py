"""open_part.lua: a part begins an epoch."""

from __future__ import annotations

from app.store.scripts.parts import open_part
from tests.support.builders import Client
from tests.support.parts import PART_KEYS, a_room_in_parts, give_numbers, join_part, numbers_of

KEYS = PART_KEYS[0]


async def test_opening_again_changes_nothing(redis: Client) -> None:
    await a_room_in_parts(redis)
    assert await numbers_of(redis, "ann") == [1]
    await open_part(redis, KEYS, generation="", epoch=1)
    assert await numbers_of(redis, "ann", "bob") == [1, 4]


async def test_in_a_new_epoch_it_has_no_numbers_and_knows_who_came_before(redis: Client) -> None:
    await a_room_in_parts(redis)
    await join_part(redis, "ann")
    await open_part(redis, KEYS, generation="", epoch=2)
    found = await join_part(redis, "ann", "bob")
    assert (found.epoch, found.round) == (2, 0)
    assert [tuple(it) for it in found.arrivals] == [("before", 1), ("exhausted", 0)]
    await open_part(redis, KEYS, generation="", epoch=1)  # by a worker that is late
    assert (await join_part(redis, "cem")).epoch == 2


async def test_another_room_of_the_same_name_begins_without_anybody(redis: Client) -> None:
    await a_room_in_parts(redis)
    await join_part(redis, "ann")
    await open_part(redis, KEYS, generation="another", epoch=1, first=1)
    assert [tuple(it) for it in (await join_part(redis, "ann")).arrivals] == [("exhausted", 0)]


async def test_a_part_that_lost_what_it_had_has_the_room_asked(redis: Client) -> None:
    now = await a_room_in_parts(redis)
    await redis.delete(KEYS.part, KEYS.arrivals)
    await open_part(redis, KEYS, generation="", epoch=2)
    await give_numbers(redis, now._replace(epoch=2, number=2))
    assert [tuple(it) for it in (await join_part(redis, "ann")).arrivals] == [("forgotten", 0)]
    assert [it.word for it in (await join_part(redis, "ann", quantity=1)).arrivals] == ["new"]
    assert [it.word for it in (await join_part(redis, "ann")).arrivals] == ["known"]


async def test_a_part_whose_server_was_restarted_may_have_forgotten_somebody(redis: Client) -> None:
    await a_room_in_parts(redis)
    await redis.hset(KEYS.part, "run_id", "of a server before its restart")
    await open_part(redis, KEYS, generation="", epoch=2)
    assert [it.word for it in (await join_part(redis, "bob")).arrivals] == ["forgotten"]
