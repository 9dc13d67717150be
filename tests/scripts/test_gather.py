"""gather.lua: visitors move from the parts of a room into its queue."""

from __future__ import annotations

from typing import Any

import pytest

from app.store.scripts.admission import admit
from app.store.scripts.parts import gather
from app.store.scripts.room import NotLoaded, leave, remove
from tests.support.builders import KEYS, NOW, Client, a_restored_room, a_room
from tests.support.parts import PARTS, a_room_in_parts


async def gathered(redis: Client, *records: tuple[str, int], to: int = 9, **changed: Any) -> bool:
    known = {"epoch": 1, "expected": 0, "now_ms": NOW, **changed}
    return await gather(redis, KEYS, records, to=to, **known)


async def queue(redis: Client) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = await redis.zrange(KEYS.waiting, 0, -1, withscores=True)
    return found


async def log_entries(redis: Client) -> list[str]:
    return [line for _, entry in await redis.xrange(KEYS.log) for line in entry["e"].split("\n")]


async def test_they_wait_by_their_numbers_and_the_log_says_so(redis: Client) -> None:
    await a_room_in_parts(redis)
    assert await gathered(redis, ("ann", 2), ("bob", 7))
    assert await queue(redis) == [("ann", 2), ("bob", 7)]
    assert (await log_entries(redis))[-3:] == ["joined 2 ann", "joined 7 bob", "skipped 7 9"]
    assert await redis.hmget(KEYS.meter, "joined", "gathered_to") == ["2", "9"]


async def test_the_same_step_again_moves_nobody(redis: Client) -> None:
    await a_room_in_parts(redis)
    await gathered(redis, ("ann", 2))
    await redis.delete(KEYS.waiting)  # called and gone in the meantime
    assert not await gathered(redis, ("ann", 2))
    assert not await gathered(redis, ("ann", 2), epoch=2, expected=9)
    assert await queue(redis) == []


async def test_who_left_was_removed_or_is_here_is_not_moved(redis: Client) -> None:
    await a_room_in_parts(redis)
    assert await leave(redis, KEYS, "ann", 2, 1, now_ms=NOW) == "left"  # type: ignore[arg-type]
    await remove(redis, KEYS, "bob", now_ms=NOW)  # type: ignore[arg-type]
    await redis.zadd(KEYS.waiting, {"cem": 1})
    await redis.hset(KEYS.turns, "dee", 1)
    await gathered(redis, ("ann", 2), ("bob", 3), ("cem", 4), ("dee", 5), ("eve", 6))
    assert await queue(redis) == [("cem", 1), ("eve", 6)]
    await gathered(redis, ("ann", 11), expected=9, to=12)  # the visitor who left joined again
    assert ("ann", 11) in await queue(redis)


async def test_before_the_opening_they_are_in_the_pre_queue(redis: Client) -> None:
    await a_room(redis, "prequeue", parts=PARTS)
    await gathered(redis, ("ann", 2))
    assert await redis.zrange(KEYS.prequeue, 0, -1) == ["ann"]


async def test_who_is_gathered_is_called_in_turn(redis: Client) -> None:
    await a_room_in_parts(redis, admission_rate_per_minute=60, burst=2)
    await gathered(redis, *((f"v{it}", it) for it in (1, 2, 4)))
    tick = await admit(redis, KEYS, limit=10, now_ms=NOW)
    assert (tick.calls, tick.parts, tick.status.serving_position) == (2, PARTS, 2)


async def test_after_a_restore_numbers_go_on_behind_all_old_ones(redis: Client) -> None:
    await a_room_in_parts(redis)
    await a_restored_room(redis, 2, NOW, parts=PARTS)
    assert not await gathered(redis, ("ann", 2), epoch=2)
    assert await gathered(redis, ("bob", 1_001), epoch=2, expected=1_000, to=1_003)
    assert await queue(redis) == [("bob", 1_001)]


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await gathered(redis, ("ann", 2))
