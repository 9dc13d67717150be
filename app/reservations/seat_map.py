"""The seats of an event as they are now (free, held, sold or blocked), from which visitors choose."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.catalogue.seating import BLOCKED, SeatRow
from app.core.errors import Restoring
from app.core.model import RoomId
from app.restoring.loaded_rooms import LoadedRooms
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import seat_rows
from app.store.redis.loaded import is_restoring
from app.store.scripts import filling, room
from app.store.sql.catalogue import seats


async def live_rows(rooms: LoadedRooms, room_id: RoomId) -> dict[str, list[SeatRow]]:
    """Return the rows of each ticket type with seats, best first.

    One read of Redis, whose cost grows with the rows of the event; callers cache the answer for a moment.
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


async def mark_taken(
    stores: Stores, keys: RoomKeys, event_id: str, named: Sequence[str]
) -> dict[str, str | None]:
    """Mark as taken in Redis those of these seats that are not free in Postgres.

    Returns them with the visitor who has them; None means that staff have blocked the seat. Raises
    RoomNotReady.
    """
    taken = await seats.select_taken(stores.postgres, event_id, named)
    if by_visitor := {seat: visitor_id for seat, visitor_id in taken.items() if visitor_id}:
        await filling.block_seats(stores.redis, keys, by_visitor.items())
    if blocked := [seat for seat, visitor_id in taken.items() if visitor_id is None]:
        await filling.keep_back(stores.redis, keys, blocked, to=BLOCKED)
    return taken
