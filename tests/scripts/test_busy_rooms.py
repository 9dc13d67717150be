"""busy_rooms.lua: recently busy rooms, latest first, no more than asked for."""

from __future__ import annotations

from app.core.model import RoomId
from app.store.redis.busy import KEYS, busy_rooms, mark_busy
from tests.support.builders import NOW, Client

HALL, CLUB = RoomId("hall"), RoomId("club")


async def test_none_are_busy_where_none_was_marked(redis: Client) -> None:
    assert await busy_rooms(redis, KEYS, now_ms=NOW) == []


async def test_the_latest_come_first(redis: Client) -> None:
    await mark_busy(redis, KEYS, [CLUB], now_ms=NOW)
    await mark_busy(redis, KEYS, [HALL], now_ms=NOW + 1)
    assert await busy_rooms(redis, KEYS, now_ms=NOW + 2) == [HALL, CLUB]
    assert await busy_rooms(redis, KEYS, limit=1, now_ms=NOW + 2) == [HALL]
    assert await busy_rooms(redis, KEYS, within_ms=1, now_ms=NOW + 2) == [HALL]
