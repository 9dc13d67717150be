"""forget_part.lua: deletes what is left of a part when its room is gone."""

from __future__ import annotations

from app.store.scripts.parts import forget_part, open_part
from tests.support.builders import Client
from tests.support.parts import PART_KEYS, a_room_in_parts, join_part

KEYS = PART_KEYS[0]


async def test_nothing_is_left(redis: Client) -> None:
    await a_room_in_parts(redis)
    await join_part(redis, "ann")
    await forget_part(redis, KEYS, generation="")
    assert await redis.exists(KEYS.part, KEYS.arrivals, KEYS.throttle) == 0
    await forget_part(redis, KEYS, generation="")


async def test_another_room_of_the_same_name_is_left_alone(redis: Client) -> None:
    await open_part(redis, KEYS, generation="another", epoch=1)
    await forget_part(redis, KEYS, generation="first")
    assert await redis.exists(KEYS.part) == 1
