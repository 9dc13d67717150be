"""load_endings.lua: how places ended, for visitors who return after a restore."""

from __future__ import annotations

import pytest

from app.core.model import VisitorId
from app.store.scripts.restoring import EndingRecord, load_endings
from app.store.scripts.room import NotLoaded, leave
from tests.support.builders import KEYS, NOW, Client, a_room
from tests.support.queue_steps import crowd, states, tick

HOUR_MS = 3_600_000


async def test_an_ending_is_told_for_an_hour(redis: Client) -> None:
    await a_room(redis)
    await load_endings(
        redis, KEYS, [EndingRecord("ann", "left", 3), EndingRecord("bob", "done", 4)], now_ms=NOW
    )
    assert await states(redis, "ann", "bob") == ["left", "done"]
    await tick(redis, NOW + HOUR_MS)
    assert await states(redis, "ann", "bob", now_ms=NOW + HOUR_MS) == ["absent", "absent"]


async def test_a_later_ending_is_not_hidden(redis: Client) -> None:
    await a_room(redis)
    ann, bob = await crowd(redis, 2)
    for visitor in (ann, bob):
        await leave(redis, KEYS, VisitorId(visitor), now_ms=NOW)
    endings = [EndingRecord(ann, "no_show", 0), EndingRecord(bob, "no_show", 9)]
    await load_endings(redis, KEYS, endings, now_ms=NOW)
    assert await states(redis, ann, bob) == ["left", "no_show"]


async def test_nothing_is_written_where_the_room_is_gone(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await load_endings(redis, KEYS, [EndingRecord("ann", "left", 3)], now_ms=NOW)
    assert await redis.dbsize() == 0
