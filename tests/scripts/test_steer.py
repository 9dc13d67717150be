"""steer.lua: of several workers that decide from the same reports, only one takes effect."""

from __future__ import annotations

from app.core.waiting_room.autopilot import Course
from app.store.redis import origin
from tests.support.builders import KEYS, Client


async def test_whoever_was_overtaken_writes_nothing(redis: Client) -> None:
    first, second = Course(heard_ms=1, strains=(0.5, 1.25)), Course(heard_ms=2)
    assert await origin.steer(redis, KEYS, expected="", course=first)
    assert not await origin.steer(redis, KEYS, expected="", course=second)
    [found] = await origin.origins_of(redis, [KEYS])
    assert found is not None
    assert found.course == first
    assert await origin.steer(redis, KEYS, expected=found.course_text, course=second)
    assert not await origin.steer(redis, KEYS, expected=found.course_text, course=first)
    [found] = await origin.origins_of(redis, [KEYS])
    assert found is not None
    assert found.course == second
    assert 0 < await redis.pttl(KEYS.origin) <= origin.TTL_MS
