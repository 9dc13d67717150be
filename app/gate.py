"""The gate's operations: what it does to sessions. Whether somebody may pass is decided in `web/gate.py`."""

from __future__ import annotations

from app.core.handover import Ticket
from app.loading import stores_answer
from app.store import gate_scripts
from app.store.keys import RoomKeys
from app.waiting_room import Line


async def redeem(line: Line, ticket: Ticket) -> int:
    """Take a ticket: when its session ends (ms), 0 if it was used before or its session is over.

    Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    keys = RoomKeys(ticket.room_id)
    with stores_answer():
        return await line.rooms.loaded(
            ticket.room_id,
            lambda: gate_scripts.redeem(
                line.stores.redis, keys, ticket.ticket_id, ticket.visitor_id, ticket.queue_number
            ),
        )
