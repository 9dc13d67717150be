"""load_sessions.lua: claimed turns come back, each visitor's once."""

from __future__ import annotations

import pytest

from app.store.redis.conf import restored_fields
from app.store.scripts.restoring import RestorePoint, SessionRecord, finish_restore, load_sessions, restore
from tests.support.builders import KEYS, NOW, Client, a_room, a_row, opened
from tests.support.queue_steps import crowd, join, states, tick


async def begin(redis: Client, epoch: int = 2) -> None:
    point = RestorePoint(epoch, 5_000, 9_000, 100, 100, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(opened(a_row(state="open")), 0), point, now_ms=NOW)


async def load(redis: Client, *records: SessionRecord, epoch: int = 2) -> bool:
    return await load_sessions(redis, KEYS, records, epoch=epoch, now_ms=NOW)


async def test_a_session_that_lasts_is_a_session_again(redis: Client) -> None:
    await begin(redis)
    assert await load(redis, SessionRecord("ann", 7, NOW + 5_000, 0))
    assert await load(redis, SessionRecord("ann", 7, NOW + 5_000, 0))
    assert await redis.zscore(KEYS.active, "ann") == NOW + 5_000
    assert await redis.hget(KEYS.turns, "ann") == "7"
    await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    assert await states(redis, "ann") == ["active"]


async def test_endings_are_told_again_and_forgotten_in_time(redis: Client) -> None:
    await begin(redis)
    await load(redis, SessionRecord("ann", 7, NOW, 0), SessionRecord("bob", 8, NOW + 9_000, NOW - 60_000))
    await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    assert await states(redis, "ann", "bob") == ["expired", "done"]
    await tick(redis, NOW + 3_600_000 - 60_000)
    assert await redis.hkeys(KEYS.endings) == ["ann"]


async def test_a_session_comes_before_a_place_given_since_and_an_ending_after(redis: Client) -> None:
    await begin(redis)
    await join(redis, "ann", "bob")
    await load(redis, SessionRecord("ann", 7, NOW + 5_000, 0), SessionRecord("bob", 8, NOW - 1, 0))
    assert await states(redis, "ann", "bob") == ["active", "waiting"]
    assert (await tick(redis)).status.waiting == 1


async def test_what_the_server_kept_of_an_ended_turn_is_taken_away(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    await begin(redis)
    await load(redis, SessionRecord(ann, 1, NOW + 5_000, NOW - 1))
    assert await states(redis, ann) == ["done"]
    assert await redis.exists(KEYS.called, KEYS.turns) == 0


@pytest.mark.parametrize("epoch", [1, 3])
async def test_only_the_restore_that_goes_on_may_load(redis: Client, epoch: int) -> None:
    await begin(redis)
    assert not await load(redis, SessionRecord("ann", 7, NOW + 5_000, 0), epoch=epoch)
    await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    assert not await load(redis, SessionRecord("ann", 7, NOW + 5_000, 0))
    assert await redis.exists(KEYS.active) == 0
