"""The reservation half of restoring a room after its Redis was wiped or lost its last second.

Called with the epoch raised in Postgres and `restoring` set in Redis: nothing is decided meanwhile, and
batches decided before cannot be written any more. So what is read here is all there is.
"""

from __future__ import annotations

from app.core.clock import now_ms
from app.core.model import EventId, RoomId
from app.store import balances, stock_scripts
from app.store.connections import Stores
from app.store.keys import DAY_MS, RoomKeys


async def rebuild_stock(stores: Stores, room_id: RoomId, event_id: EventId, epoch: int) -> int:
    """Load stock, holds, allowance, buyers and the day's outcomes from Postgres; how many reservations live.

    May be cut off anywhere and run again. Raises RoomNotReady when the room is not under the restoration that
    made this `epoch`: another one began since. Sessions are to be loaded before: they make the buyers.
    """
    keys = RoomKeys(room_id, now_ms() // DAY_MS)
    loaded = 0
    async with balances.snapshot(stores.postgres, event_id) as snapshot:
        await stock_scripts.clear_stock(stores.redis, keys, epoch=epoch)
        await stock_scripts.load_stock(stores.redis, keys, await snapshot.ticket_types())
        async for chunk in snapshot.reservations():
            loaded += await stock_scripts.load_holds(stores.redis, keys, chunk, epoch=epoch)
    return loaded
