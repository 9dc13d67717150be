"""finish_restore.lua: the room is complete again; admission waits for the restore window to end."""

from __future__ import annotations

from app.store.redis.conf import restored_fields
from app.store.scripts.restoring import RestorePoint, finish_restore, restore
from tests.support.builders import KEYS, NOW, Client, a_row
from tests.support.queue_steps import tick


async def test_only_the_restore_that_began_last_ends_it(redis: Client) -> None:
    for epoch in (2, 3):
        point = RestorePoint(epoch, 0, 10, 0, 0, 0, 0, 0)
        await restore(redis, KEYS, restored_fields(a_row(), 0), point, now_ms=NOW)
    assert not await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    assert (await tick(redis)).restoring
    assert await finish_restore(redis, KEYS, epoch=3, window_ms=7_000, now_ms=NOW)
    assert not (await tick(redis)).restoring
    assert await redis.hget(KEYS.conf, "restore_until_ms") == str(NOW + 7_000)


async def test_a_room_that_is_whole_is_not_finished_again(redis: Client) -> None:
    assert not await finish_restore(redis, KEYS, epoch=1, window_ms=0, now_ms=NOW)
