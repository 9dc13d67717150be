"""forget_room.lua: nothing of a deleted room remains."""

from __future__ import annotations

from app.store.keys import RoomKeys
from app.store.scripts.by_hand import forget_room
from app.store.scripts.loader import script
from tests.support.builders import KEYS, Client, a_room, stock
from tests.support.queue_steps import claim, crowd


def test_all_keys_that_a_room_may_have_are_named() -> None:
    keys = {name for name, value in vars(RoomKeys).items() if isinstance(value, property)}
    assert set(script("forget_room").keys) == keys


async def test_every_key_of_the_room_goes_and_no_other(redis: Client) -> None:
    await a_room(redis, event_id="gala")
    await stock(redis, free=1)
    ann, _ = await crowd(redis, 2)
    await claim(redis, ann)
    await redis.hset(KEYS.seats, "row:stalls-a", "1|1|h")
    await redis.hset(KEYS.sitters, "stalls-a-1", ann)
    await redis.set("{other}:conf", 1, ex=60)
    before = len(await redis.keys("*"))
    assert not await forget_room(redis, KEYS, generation="g2"), "another room of that name"
    assert len(await redis.keys("*")) == before
    assert await forget_room(redis, KEYS, generation="")
    assert await redis.keys("*") == ["{other}:conf"]
    await redis.sadd(KEYS.removed, ann)
    assert await forget_room(redis, KEYS, generation=""), "leftovers without a room go, too"
    assert await redis.keys("*") == ["{other}:conf"]
