"""mark_busy.lua: a mark never goes back, and the number of marks is limited."""

from __future__ import annotations

from app.core.model import RoomId
from app.store.redis.busy import KEYS, busy_rooms, mark_busy
from tests.support.builders import NOW, Client

HALL, CLUB, BARN = RoomId("hall"), RoomId("club"), RoomId("barn")


async def test_a_room_is_as_busy_as_its_last_mark(redis: Client) -> None:
    await mark_busy(redis, KEYS, [HALL, CLUB], now_ms=NOW)
    await mark_busy(redis, KEYS, [HALL], now_ms=NOW + 3_000)
    await mark_busy(redis, KEYS, [HALL], now_ms=NOW + 1_000)
    assert await busy_rooms(redis, KEYS, now_ms=NOW + 3_000) == [HALL, CLUB]
    assert await busy_rooms(redis, KEYS, now_ms=NOW + 8_000) == [HALL]
    assert await busy_rooms(redis, KEYS, now_ms=NOW + 8_001) == []


async def test_the_oldest_marks_fall_out(redis: Client) -> None:
    for at, room_id in enumerate((HALL, CLUB, BARN)):
        await mark_busy(redis, KEYS, [room_id], rooms_max=2, now_ms=NOW + at)
    assert await busy_rooms(redis, KEYS, now_ms=NOW + 3) == [BARN, CLUB]
