"""What was ordered, for staff: a report of any length."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.core.errors import EventNotFound
from app.core.model import EventId
from app.loading import stores_answer
from app.store import orders as order_rows
from app.store import reservations
from app.store.connections import Stores
from app.store.orders import Order


async def orders(stores: Stores, event_id: EventId, status: str | None) -> AsyncIterator[list[Order]]:
    """The orders of an event in chunks, the oldest first, all of one moment. `status`: of this one only.

    Raises EventNotFound and StoreUnavailable before the first chunk.
    """
    with stores_answer():
        if await reservations.room_of(stores.postgres, event_id) is None:
            raise EventNotFound
    return order_rows.orders(stores.postgres, event_id, status)
