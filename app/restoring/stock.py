"""Restores the reservations of a room after Redis was lost, or lost its last second.

Call it with the epoch raised in Postgres and `restoring` set in Redis. Then nothing is decided meanwhile, and
batches decided before can no longer be written, so what is read here is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.catalogue.seating import SeatRow
from app.core.clock import now_ms
from app.core.model import EventId, RoomId
from app.store.connections import RedisClient, Stores
from app.store.keys import DAY_MS, RoomKeys
from app.store.scripts import filling
from app.store.sql.reservations import balances


async def rebuild_stock(stores: Stores, room_id: RoomId, event_id: EventId, epoch: int) -> int:
    """Load seats, stock, codes, holds, allowance, buyers and outcomes from Postgres.

    Returns the number of live reservations loaded. It can be interrupted at any point and run again. Load
    sessions first: the buyers are derived from them. Raises RoomNotReady if the room is no longer under the
    restore that started this `epoch`, because another one began since.
    """
    keys = RoomKeys(room_id, now_ms() // DAY_MS)
    loaded = 0
    async with balances.snapshot(stores.postgres, event_id) as snapshot:
        await filling.clear_stock(stores.redis, keys, epoch=epoch)
        ticket_types, fee = await snapshot.on_sale()
        seated = [it.ticket_type_id for it in ticket_types if it.seated]
        if seated:
            await load_seats(stores.redis, keys, await snapshot.seat_rows(seated))
        await filling.load_stock(stores.redis, keys, ticket_types, fee)
        async for fields in snapshot.codes():
            await filling.load_codes(stores.redis, keys, fields)
        async for chunk in snapshot.reservations():
            loaded += await filling.load_holds(stores.redis, keys, chunk, epoch=epoch)
    return loaded


async def load_seats(redis: RedisClient, keys: RoomKeys, rows: Mapping[str, Sequence[SeatRow]]) -> None:
    """Load seats by ticket type into Redis, all free. Call it before stock and holds. Raises RoomNotReady."""
    for ticket_type_id, its_rows in rows.items():
        await filling.load_seats(redis, keys, its_rows, ticket_type_id=ticket_type_id)
