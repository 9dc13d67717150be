"""The seats of an event as they are now: free, held, sold; what a visitor chooses from."""

from __future__ import annotations

from app.core.errors import Restoring
from app.core.model import RoomId
from app.core.seating import SeatRow
from app.restoring.loaded_rooms import LoadedRooms
from app.store.away import stores_answer
from app.store.keys import RoomKeys
from app.store.redis import seat_rows
from app.store.redis.loaded import is_restoring
from app.store.scripts import room


async def live_rows(rooms: LoadedRooms, room_id: RoomId) -> dict[str, list[SeatRow]]:
    """The rows of each ticket type with seats, the best first.

    One read of Redis; its cost grows with the rows of the event, so callers keep the answer for a moment.
    Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    keys = RoomKeys(room_id)

    async def read() -> dict[str, list[SeatRow]]:
        await room.status(rooms.stores.redis, keys)
        if await is_restoring(rooms.stores.redis, keys):
            raise Restoring
        return await seat_rows.live_rows(rooms.stores.redis, keys)

    with stores_answer():
        return await rooms.when_loaded(room_id, read)
