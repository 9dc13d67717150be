"""load_removed.lua: whom staff removed stays out."""

from __future__ import annotations

from app.store.conf import restored_fields
from app.store.control_scripts import RestorePoint, finish_restore, load_removed, restore
from tests.builders import KEYS, NOW, Client, a_row, joining, token
from tests.line_steps import join, words


async def test_a_removed_visitor_is_out_even_if_they_came_back_first(redis: Client) -> None:
    point = RestorePoint(2, 100, 200, 0, 0, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(a_row(state="paused"), 0), point, now_ms=NOW)
    ann = joining("ann", token("ann", 50))
    assert words(await join(redis, ann)) == ["prequeue"]
    assert await load_removed(redis, KEYS, ["ann", "bob"], epoch=2)
    assert words(await join(redis, ann, "bob")) == ["removed", "removed"]
    assert await redis.exists(KEYS.prequeue, KEYS.waiting) == 0


async def test_only_the_restore_that_goes_on_may_load(redis: Client) -> None:
    point = RestorePoint(2, 100, 200, 0, 0, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(a_row(), 0), point, now_ms=NOW)
    assert not await load_removed(redis, KEYS, ["ann"], epoch=1)
    await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    assert not await load_removed(redis, KEYS, ["ann"], epoch=2)
    assert await redis.exists(KEYS.removed) == 0
