"""Which ended sessions one process knows of: no more than it can hold, and none of an earlier room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core.clock import now_ms
from app.core.model import RoomId, VisitorId
from app.gate import ended_sessions
from app.gate.ended_sessions import EndedSessions
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from tests.support.waiting import wait_until

HALL, CLUB = RoomId("hall"), RoomId("club")
ANN = VisitorId("ann")


async def end(redis: RedisClient, room_id: RoomId, *visitors: str, until_ms: int = 0) -> None:
    """The first sessions of these visitors ended; their passes expire one after the other."""
    first_ms, key = until_ms or now_ms() + 600_000, RoomKeys(room_id).early_ends
    for number, visitor in enumerate(visitors):
        await redis.zadd(key, {f"{visitor} 1 {now_ms()}": first_ms + number})
    await redis.expire(key, 60)


@pytest.fixture
async def listening(redis: RedisClient) -> AsyncIterator[EndedSessions]:
    """A process that has subscribed."""
    known = EndedSessions(redis)
    running = asyncio.create_task(known.run())

    async def is_subscribed() -> bool:
        return known._broken > 0

    await wait_until(is_subscribed, "the subscription")
    yield known
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_room_is_read_again_until_nothing_can_be_missed(redis: RedisClient) -> None:
    await end(redis, HALL, "ann")
    known = EndedSessions(redis)  # not subscribed yet
    await known.load(HALL)
    assert known.of(HALL, ANN) is not None
    assert not known.is_loaded(HALL)


async def test_a_room_that_was_replaced_is_forgotten_and_no_other(
    redis: RedisClient, listening: EndedSessions
) -> None:
    for room_id in (HALL, CLUB):
        await end(redis, room_id, "ann")
        await listening.load(room_id)
    await redis.delete(RoomKeys(HALL).early_ends)
    listening.forget(HALL)
    listening.forget(HALL)
    assert (listening.of(HALL, ANN), listening.is_loaded(HALL)) == (None, False)
    assert listening.is_loaded(CLUB)
    assert listening.of(CLUB, ANN) is not None
    await listening.load(HALL)
    assert (listening.of(HALL, ANN), listening.is_loaded(HALL)) == (None, True)


async def test_beyond_the_limit_expired_passes_are_forgotten_and_then_the_oldest(
    redis: RedisClient, listening: EndedSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_sessions, "ENDS_MAX", 16)
    expired, valid = [f"old{n}" for n in range(10)], [f"new{n}" for n in range(10)]
    await end(redis, CLUB, *expired, until_ms=now_ms() - 1_000)
    await end(redis, HALL, *valid)
    for room_id in (CLUB, HALL):
        await listening.load(room_id)
    assert all(listening.of(HALL, VisitorId(it)) for it in valid)
    assert not any(listening.of(CLUB, VisitorId(it)) for it in expired)
    more = [f"more{n}" for n in range(7)]
    await end(redis, CLUB, *more)
    listening.forget(CLUB)
    await listening.load(CLUB)
    known = [it for it in valid if listening.of(HALL, VisitorId(it))]
    assert known == valid[2:]  # the oldest sixteenth went as well
    assert all(listening.of(CLUB, VisitorId(it)) for it in more)
