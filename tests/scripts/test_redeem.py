"""redeem.lua: a hand-over ticket is accepted once, while the session behind it lasts."""

from __future__ import annotations

import pytest

from app.store.scripts.gate import redeem
from app.store.scripts.room import NotLoaded, leave
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.support.queue_steps import claim, crowd, only


async def test_a_ticket_is_taken_once(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    (ann,) = await crowd(redis, 1)
    ends_ms = only(await claim(redis, ann)).session_expires_at_ms
    assert await redeem(redis, KEYS, "one", ann, 1, now_ms=NOW) == ends_ms
    assert await redeem(redis, KEYS, "one", ann, 1, now_ms=NOW + 1000) == 0
    assert await redeem(redis, KEYS, "two", ann, 1, now_ms=NOW + 1000) == ends_ms
    assert await redeem(redis, KEYS, "three", ann, 1, now_ms=ends_ms) == 0
    assert await redis.zcard(KEYS.tickets) == 2  # tickets older than a minute are forgotten
    assert await redis.ttl(KEYS.tickets) > 0


async def test_only_the_session_it_was_made_for_counts(redis: Client) -> None:
    await a_room(redis)
    ann, bob = await crowd(redis, 2)
    await claim(redis, ann)
    assert await redeem(redis, KEYS, "other number", ann, 2, now_ms=NOW) == 0
    assert await redeem(redis, KEYS, "only called", bob, 2, now_ms=NOW) == 0
    await leave(redis, KEYS, ann, now_ms=NOW)
    assert await redeem(redis, KEYS, "left", ann, 1, now_ms=NOW) == 0


async def test_a_room_that_is_not_loaded_decides_nothing(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await redeem(redis, KEYS, "one", a_visitor(), 1)
