"""forget_room.lua: nothing of a deleted room stays."""

from __future__ import annotations

from app.store.scripts.restoring import forget_room
from tests.support.builders import KEYS, Client, a_room, stock
from tests.support.line_steps import claim, crowd


async def test_every_key_of_the_room_goes_and_no_other(redis: Client) -> None:
    await a_room(redis, event_id="gala")
    await stock(redis, free=1)
    ann, _ = await crowd(redis, 2)
    await claim(redis, ann)
    await redis.hset(KEYS.seats, "row:stalls-a", "1|1|h")
    await redis.hset(KEYS.sitters, "stalls-a-1", ann)
    await redis.set("{other}:conf", 1, ex=60)
    await forget_room(redis, KEYS)
    assert await redis.keys("*") == ["{other}:conf"]
