"""load_removed.lua: visitors removed by staff stay out."""

from __future__ import annotations

from app.store.redis.conf import restored_fields
from app.store.scripts.restoring import RestorePoint, load_removed, restore
from app.store.scripts.room import CHECKED
from tests.support.builders import KEYS, NOW, Client, a_row, join_record, token
from tests.support.queue_steps import join, states_of


async def test_a_removed_visitor_is_out_before_they_can_come_back(redis: Client) -> None:
    await load_removed(redis, KEYS, ["ann"])
    point = RestorePoint(2, 100, 200, 0, 0, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(a_row(state="paused"), 0), point, now_ms=NOW)
    ann, bob = join_record("ann", token("ann", 50, CHECKED)), join_record("bob", token("bob", 51, CHECKED))
    assert states_of(await join(redis, ann, bob)) == ["removed", "prequeue"]


async def test_what_the_server_kept_of_them_is_taken_away(redis: Client) -> None:
    await redis.zadd(KEYS.waiting, {"ann": 1})
    await redis.zadd(KEYS.active, {"bob": NOW})
    await redis.hset(KEYS.turns, "bob", 2)
    for _ in range(2):
        await load_removed(redis, KEYS, ["ann", "bob"])
    assert await redis.keys("*") == [KEYS.removed]
    assert await redis.smembers(KEYS.removed) == {"ann", "bob"}
