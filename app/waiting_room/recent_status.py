"""Caches the status of rooms for a moment, for joins of rooms in parts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from app.core.model import Room, RoomId, RoomStatus

FRESH_S = 0.5
KNOWN_MAX = 1_000  # rooms


class RecentStatus:
    """One per process. `read` fetches a room and its status."""

    def __init__(self, read: Callable[[RoomId], Awaitable[tuple[Room, RoomStatus]]]) -> None:
        self._read = read
        self._known: dict[RoomId, tuple[float, RoomStatus]] = {}

    async def of(self, room_id: RoomId) -> RoomStatus:
        """The status of a room, at most `FRESH_S` old. Raises what `read` raises."""
        read_at, status = self._known.get(room_id, (0.0, None))
        if status is None or time.monotonic() - read_at > FRESH_S:
            _, status = await self._read(room_id)
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[room_id] = time.monotonic(), status
        return status
