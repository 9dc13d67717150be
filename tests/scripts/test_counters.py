"""counters.lua: what has happened in a room."""

from __future__ import annotations

import pytest

from app.store.scripts.admission import Counters, counters
from app.store.scripts.room import NotLoaded, leave
from tests.support.builders import KEYS, NOW, Client, a_room
from tests.support.queue_steps import claim, crowd, tick


async def test_every_step_is_counted_once(redis: Client) -> None:
    await a_room(redis, claim_window_s=5, session_ttl_s=8)
    ann, bob, cem, *_ = await crowd(redis, 12)
    await claim(redis, ann, bob, ann)
    await leave(redis, KEYS, bob, now_ms=NOW)
    await leave(redis, KEYS, cem, now_ms=NOW)
    await tick(redis, NOW + 10_000)
    await tick(redis, NOW + 10_000)
    assert await counters(redis, KEYS) == Counters(
        joined=12, admitted=12, no_shows=7, claimed=2, expired=1, left=1, done=1
    )


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await counters(redis, KEYS)
