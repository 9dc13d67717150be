"""The seats of an event as they are now: free, held, sold; what a visitor chooses from."""

from __future__ import annotations

from typing import Any

from app.core.errors import Restoring
from app.core.model import RoomId
from app.core.seating import SeatRow
from app.restoring.loaded_rooms import LoadedRooms
from app.store.away import stores_answer
from app.store.keys import RoomKeys
from app.store.scripts import room
from app.store.sql import seats


async def live_rows(rooms: LoadedRooms, room_id: RoomId) -> dict[str, list[SeatRow]]:
    """The rows of each ticket type with seats, the best first.

    One read of Redis; its cost grows with the rows of the event, so callers keep the answer for a moment.
    Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    redis: Any = rooms.stores.redis
    keys = RoomKeys(room_id)

    async def read() -> dict[str, list[SeatRow]]:
        await room.status(rooms.stores.redis, keys)
        if await redis.hget(keys.conf, "restoring") != "0":
            raise Restoring
        return await seats.live_rows(rooms.stores.redis, keys)

    with stores_answer():
        return await rooms.loaded(room_id, read)
