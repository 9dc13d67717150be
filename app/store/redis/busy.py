"""Which rooms are busy: workers visit these rooms, not all rooms.

A web process marks a room when a visitor is in it or staff change it, at most every two seconds. A worker
tends a room for five seconds from its last mark, and renews the mark itself while anybody is in the room: so
it only leaves a room that is empty, and the next visitor marks it anew. A mark that is lost with its process
is made by the visitor's next call, or found by the workers' round over all loaded rooms.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from app.core.clock import REDIS_TIME
from app.core.model import RoomId
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.keys import BusyKeys
from app.store.scripts.loader import call

KEYS = BusyKeys()
MARK_EVERY_S = 2.0
WITHIN_MS = 5_000  # longer than the above by the time a worker needs to look
ROOMS_MAX = 20_000  # remembered; only those of the last seconds are tended
LATELY_MS = 900_000  # how long the console keeps showing a room
REMEMBERED_MAX = 10_000


async def mark_busy(
    redis: RedisClient,
    keys: BusyKeys,
    records: Iterable[RoomId],
    *,
    rooms_max: int = ROOMS_MAX,
    now_ms: int = REDIS_TIME,
) -> None:
    """Mark these rooms as busy."""
    await call(redis, "mark_busy", keys, records, rooms_max=rooms_max, now_ms=now_ms)


async def busy_rooms(
    redis: RedisClient,
    keys: BusyKeys,
    *,
    within_ms: int = WITHIN_MS,
    limit: int = ROOMS_MAX,
    now_ms: int = REDIS_TIME,
) -> list[RoomId]:
    """The rooms that were busy recently, latest first."""
    room_ids = await call(redis, "busy_rooms", keys, within_ms=within_ms, limit=limit, now_ms=now_ms)
    return [RoomId(it) for it in room_ids]


async def unmark(redis: RedisClient, room_id: RoomId) -> None:
    """Unmark a deleted room; a new one of that name is marked by its first visitor."""
    client: Any = redis
    await client.zrem(KEYS.busy, room_id)


class BusyMarks:
    """The marks one process made lately, so that it marks every two seconds and not at each call."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._marked: dict[RoomId, float] = {}

    async def note(self, room_id: RoomId) -> None:
        """Mark this room as busy. While Redis is unavailable nothing is marked; the next call does it."""
        now = time.monotonic()
        if now - self._marked.get(room_id, -MARK_EVERY_S) < MARK_EVERY_S:
            return
        with suppress(*REDIS_AWAY):
            await mark_busy(self._redis, KEYS, [room_id])
            if len(self._marked) >= REMEMBERED_MAX:
                self._marked.clear()
            self._marked[room_id] = now
