"""A sale as staff create it, for tests of operations on its event, room and ticket types."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from app.catalogue import events
from app.core.account import Author
from app.core.catalogue.definitions import EventDefinition, NewSection, NewTicketType
from app.core.model import Event, EventId, Room, RoomId, TicketTypeId
from app.restoring.loaded_rooms import LoadedRooms
from app.store.connections import Stores

SPRING = EventId("spring")
FLOOR, STALLS = TicketTypeId("floor"), TicketTypeId("stalls")
STARTS_AT = datetime(2035, 5, 31, 18, tzinfo=UTC)
DEFINITION = EventDefinition(
    event_id=SPRING,
    name="Spring Gala",
    starts_at=STARTS_AT,
    ticket_types=[NewTicketType(ticket_type_id="floor", name="Floor", price=5000, quantity=10)],
    sections=[NewSection(name="Stalls", price=7000, rows=2, seats_per_row=3)],
)


def by(request_id: str, subject: str = "ann") -> Author:
    """The author of one step: changes of the same request are undone together."""
    return Author(subject, "admin", request_id)


async def create_sale(stores: Stores, **changed: Any) -> Event:
    """The sale of DEFINITION with these changes."""
    definition = msgspec.structs.replace(DEFINITION, **changed)
    return await events.create_sale(stores, definition, by=by("create"))


async def room_of(stores: Stores, event_id: str = SPRING) -> Room:
    """The room of an event, which has the same id."""
    return await LoadedRooms(stores).read(RoomId(event_id))


async def totals(stores: Stores, event_id: EventId = SPRING) -> dict[str, int]:
    """The ticket types of an event with their totals."""
    _, types = await events.event(stores, event_id)
    return {it.ticket_type_id: it.total for it in types}
