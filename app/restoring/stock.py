"""The reservation half of restoring a room after its Redis was lost or lost its last second.

Called with the epoch raised in Postgres and `restoring` set in Redis: nothing is decided meanwhile, and
batches decided before cannot be written any longer. So what is read here is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.clock import now_ms
from app.core.model import EventId, RoomId
from app.core.seating import SeatRow
from app.store.connections import RedisClient, Stores
from app.store.keys import DAY_MS, RoomKeys
from app.store.scripts import filling
from app.store.sql import balances


async def rebuild_stock(stores: Stores, room_id: RoomId, event_id: EventId, epoch: int) -> int:
    """Load seats, stock, codes, holds, allowance, buyers, outcomes from Postgres; how many reservations live.

    May be cut off anywhere and run again. Raises RoomNotReady when the room is not under the restoration that
    made this `epoch`: another one began since. Sessions are to be loaded before: they make the buyers.
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
    """Load seats into Redis, all free, by ticket type; before its stock and holds.

    Raises RoomNotReady.
    """
    for ticket_type_id, its_rows in rows.items():
        await filling.load_seats(redis, keys, its_rows, ticket_type_id=ticket_type_id)
