"""rounds.lua: which numbers the parts of a room give out."""

from __future__ import annotations

import pytest

from app.core.script_constants import CONSTANTS
from app.store.scripts.parts import rounds
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, NOW, Client, a_restored_room, a_room
from tests.support.parts import PARTS, a_room_in_parts

LATER = NOW + CONSTANTS["ROUND_MS"]
LEAST = CONSTANTS["ROUND_MIN"]


async def test_the_first_round_begins_when_all_parts_are_open(redis: Client) -> None:
    await a_room(redis, parts=PARTS)
    now = await rounds(redis, KEYS, now_ms=NOW)
    assert (now.parts, now.ready, now.size) == (PARTS, 0, 0)
    now = await rounds(redis, KEYS, opened=now.epoch, now_ms=NOW)
    assert (now.ready, now.number, now.base, now.size) == (1, 1, 1, LEAST)


async def test_the_next_begins_once_and_when_the_last_was_long_enough(redis: Client) -> None:
    await a_room_in_parts(redis)
    assert (await rounds(redis, KEYS, after=1, now_ms=LATER - 1)).number == 1
    now = await rounds(redis, KEYS, after=1, most=40, now_ms=LATER)
    assert (now.number, now.base, now.size) == (2, 1 + LEAST * PARTS, 40)
    assert (await rounds(redis, KEYS, after=1, now_ms=LATER + 10_000)).number == 2
    assert (await rounds(redis, KEYS, now_ms=LATER + 10_000)).number == 2  # nobody asked for another


async def test_in_a_hurry_it_begins_at_once_and_is_twice_as_large(redis: Client) -> None:
    await a_room_in_parts(redis)
    now = await rounds(redis, KEYS, after=1, hurry=1, now_ms=NOW)
    assert (now.number, now.size) == (2, 2 * LEAST)


async def test_no_number_is_given_out_that_postgres_has_not_reserved(redis: Client) -> None:
    await a_room_in_parts(redis, numbers_reserved=PARTS * LEAST + PARTS + 1)
    now = await rounds(redis, KEYS, after=1, hurry=1, now_ms=NOW)
    assert (now.number, now.size) == (2, 1)
    now = await rounds(redis, KEYS, after=2, hurry=1, now_ms=NOW)
    assert now.number == 2
    assert await redis.hget(KEYS.meter, "last_number") == str(PARTS * (LEAST + 1))


async def test_a_new_epoch_begins_with_closed_parts(redis: Client) -> None:
    await a_room_in_parts(redis)
    await a_restored_room(redis, 2, NOW, parts=PARTS)
    now = await rounds(redis, KEYS, after=1, hurry=1, now_ms=NOW)
    assert (now.epoch, now.ready, now.size, now.gathered_to) == (2, 0, 0, 1_000)
    now = await rounds(redis, KEYS, opened=2, now_ms=NOW)
    assert (now.ready, now.base) == (1, 1_001)
    assert (await rounds(redis, KEYS, opened=1, now_ms=NOW)).ready == 1  # by a worker that is late


async def test_a_lost_part_takes_the_room_of_its_epoch_with_it(redis: Client) -> None:
    await a_room_in_parts(redis)
    await rounds(redis, KEYS, lost=9, now_ms=NOW)
    with pytest.raises(NotLoaded):
        await rounds(redis, KEYS, lost=1, now_ms=NOW)
    with pytest.raises(NotLoaded):
        await rounds(redis, KEYS, now_ms=NOW)


async def test_other_rooms_have_none(redis: Client) -> None:
    await a_room(redis)
    now = await rounds(redis, KEYS, opened=1, after=0, hurry=1, now_ms=NOW)
    assert (now.parts, now.ready, now.size) == (1, 0, 0)
