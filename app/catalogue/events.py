"""Events and ticket types. Written to Postgres first, then to the room in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from app import audit
from app.audit import Entity
from app.catalogue import ticket_types
from app.core import zones
from app.core.account import Author
from app.core.catalogue import seating
from app.core.catalogue.definitions import (
    SEATS_OF_EVENT_MAX,
    EventDefinition,
    EventPatch,
    NewEvent,
    NewSeats,
    NewTicketType,
    TicketTypePatch,
)
from app.core.catalogue.seating import SeatRow
from app.core.errors import AlreadyExists, Conflict, EventNotFound, TicketTypeNotFound
from app.core.model import Event, EventId, RoomId, RoomSettings, Struct, TicketType, TicketTypeId
from app.reservations import holds
from app.store.away import stores_answer
from app.store.connections import Connection, Queries, Stores
from app.store.scripts.stock import RoomNotReady
from app.store.sql.catalogue import events, sale_lives, seats
from app.store.sql.catalogue.events import EventFilter
from app.store.sql.waiting_room import rooms
from app.waiting_room import control, emptying

T = TypeVar("T")
ARCHIVED = "This sale is archived and cannot be changed; restore it from the archive first."


async def create_event(stores: Stores, new: NewEvent, *, by: Author) -> Event:
    """Create an event and its room (state `scheduled`). Raises AlreadyExists, ValidationFailed."""
    event = event_of(new)
    async with transaction(stores) as connection:
        await insert_event(connection, event, new, by)
    await update_room(stores, event)
    return event


async def create_sale(stores: Stores, definition: EventDefinition, *, by: Author) -> Event:
    """Create an event, its room and everything it sells, or nothing. Raises AlreadyExists,
    ValidationFailed."""
    sections = seating.whole_sections(definition.sections, SEATS_OF_EVENT_MAX)
    event = event_of(definition)
    async with transaction(stores) as connection:
        await insert_event(connection, event, definition, by)
        for new in definition.ticket_types:
            await ticket_types.insert(connection, event.event_id, new, by)
        for section in sections:
            await ticket_types.insert_section(connection, event.event_id, section, by)
    await update_room(stores, event)
    return event


async def seat_rows(
    stores: Stores, event_id: EventId, types: Sequence[TicketType]
) -> dict[str, list[SeatRow]]:
    """The rows of the seated types, the best first, all seats free."""
    with stores_answer():
        return await seats.select_rows(
            stores.postgres, event_id, [it.ticket_type_id for it in types if it.seated]
        )


async def change_event(stores: Stores, event_id: EventId, patch: EventPatch, *, by: Author) -> Event:
    """Change an event; new limits apply to later reservations. Raises EventNotFound, Conflict."""
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        changed = msgspec.structs.replace(event, **_sent_fields(patch))
        await update_event(connection, event, changed, by)
    await update_room(stores, changed)
    return changed


async def delete_event(stores: Stores, event_id: EventId, *, by: Author) -> None:
    """Delete an event and its room. Raises EventNotFound, and Conflict if there was a reservation."""
    with stores_answer():
        async with transaction(stores) as connection:
            event = await lock_event(connection, event_id)
            if await events.has_reservations(connection, event_id):
                raise Conflict(
                    "Tickets were already reserved; unpublish the event and close its room instead."
                )
            for it in await events.select_ticket_types(connection, event_id):
                await ticket_types.record_delete(connection, event_id, it, by)
            before = msgspec.structs.asdict(event)
            await audit.record(connection, by, "delete", Entity("event", event_id), before=before)
            await events.delete_event(connection, event_id)
        await emptying.delete_with_event(stores, event.room_id, by=by)


async def event(stores: Stores, event_id: EventId) -> tuple[Event, list[TicketType]]:
    """The event with its ticket types. Raises EventNotFound."""
    with stores_answer():
        row = await existing(stores, event_id, events.select_event)
        return row, await events.select_ticket_types(stores.postgres, event_id)


async def revision(stores: Stores, event_id: EventId) -> int:
    """The number of changes to the event since it was created."""
    with stores_answer():
        return await events.revision_of(stores.postgres, event_id)


async def currencies_of(stores: Stores, event_ids: list[EventId]) -> dict[EventId, str]:
    """The currency of each of these events that exists."""
    if not event_ids:
        return {}
    with stores_answer():
        return await events.currencies_of(stores.postgres, event_ids)


async def events_page(
    stores: Stores, criteria: EventFilter, *, limit: int, offset: int
) -> tuple[list[tuple[Event, list[TicketType]]], int]:
    """One page of the events with their ticket types, and how many match in total."""
    with stores_answer():
        events_found, total = await events.select_events(
            stores.postgres, criteria, limit=limit, offset=offset
        )
        types = await events.select_types_of_events(stores.postgres, [it.event_id for it in events_found])
    return [(it, types[it.event_id]) for it in events_found], total


async def room_of_event(stores: Stores, event_id: EventId) -> RoomId:
    """The room of an event. Raises EventNotFound."""
    with stores_answer():
        return await existing(stores, event_id, events.room_of)


async def existing(
    stores: Stores, event_id: EventId, select: Callable[[Queries, EventId], Awaitable[T | None]]
) -> T:
    """The result of `select` for an event; unknown ids are remembered for a while. Raises EventNotFound."""
    if stores.absent.has("event", event_id):
        raise EventNotFound
    begun = stores.absent.begin()
    row = await select(stores.postgres, event_id)
    if row is None:
        stores.absent.note("event", event_id, begun)
        raise EventNotFound
    return row


async def create_ticket_type(
    stores: Stores, event_id: EventId, new: NewTicketType, *, by: Author
) -> TicketType:
    """Create a ticket type.

    Raises EventNotFound, AlreadyExists, ValidationFailed, Conflict if there are too many types.
    """
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        created = await ticket_types.insert(connection, event_id, new, by)
        await rooms.touch_room(connection, event.room_id)
    await update_room(stores, event)
    return created


async def create_seats(stores: Stores, event_id: EventId, new: NewSeats, *, by: Author) -> list[TicketType]:
    """Put seats on sale by section, all or nothing: each section is a ticket type whose tickets are its
    seats.

    Raises EventNotFound, ValidationFailed, AlreadyExists for an existing section that is not to grow, and
    Conflict for too many, or if one that grows has another price.
    """
    sections, insert = seating.sections_of(new), ticket_types.insert_section
    if new.grow:
        insert = ticket_types.grow_section
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        created = [await insert(connection, event_id, section, by) for section in sections]
        await rooms.touch_room(connection, event.room_id)
    await update_room(stores, event)
    return created


async def change_ticket_type(
    stores: Stores, event_id: EventId, ticket_type_id: TicketTypeId, patch: TicketTypePatch, *, by: Author
) -> TicketType:
    """Change name, price and sale window (for future holds), or quantity.

    Raises EventNotFound, TicketTypeNotFound, ValidationFailed, and Conflict if the quantity would fall below
    held and sold.
    """
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        before = await events.lock_ticket_type(connection, event_id, ticket_type_id)
        if before is None:
            raise TicketTypeNotFound
        changed = await ticket_types.update(connection, event_id, before, _sent_fields(patch), by)
        await rooms.touch_room(connection, event.room_id)
    await update_room(stores, event)
    return changed


def event_of(new: NewEvent) -> Event:
    """Build the event described by a definition. Raises ValidationFailed for an unknown time zone."""
    zones.check_zone(new.timezone)
    return Event(
        event_id=EventId(new.event_id),
        room_id=RoomId(new.room.room_id or new.event_id),
        name=new.name,
        venue=new.venue,
        artist=new.artist,
        starts_at=new.starts_at,
        currency=new.currency,
        max_tickets_per_visitor=new.max_tickets_per_visitor,
        hold_ttl_s=new.hold_ttl_s,
        hold_extend_s=new.hold_extend_s,
        timezone=new.timezone,
        sell_after_start=new.sell_after_start,
        prices_include_tax=new.prices_include_tax,
        fee_per_ticket=new.fee_per_ticket,
        fee_rate_bp=new.fee_rate_bp,
        fee_tax_rate_bp=new.fee_tax_rate_bp,
        payments=new.payments,
        seller=new.seller,
        published=new.published,
    )


async def insert_event(connection: Connection, event: Event, new: NewEvent, by: Author) -> None:
    """Insert the event and its room. Raises AlreadyExists."""
    fields = {name: getattr(new.room, name) for name in RoomSettings.__struct_fields__}
    settings = RoomSettings(**{**fields, "name": new.room.name or new.name})
    if not await control.insert_room(connection, event.room_id, settings, by=by):
        raise AlreadyExists(f"A room {event.room_id} already exists; choose another one in room.room_id.")
    if not await events.insert_event(connection, event):
        raise AlreadyExists(f"An event {event.event_id} already exists.")
    after = msgspec.structs.asdict(event)
    await audit.record(connection, by, "create", Entity("event", event.event_id), after=after)


async def update_event(connection: Connection, before: Event, after: Event, by: Author) -> None:
    """Write the changed fields. Raises Conflict for another currency after a reservation."""
    zones.check_zone(after.timezone)
    if after.currency != before.currency and await events.has_reservations(connection, after.event_id):
        raise Conflict("The currency cannot be changed after tickets were reserved.")
    await events.update_event(connection, after)
    await rooms.touch_room(connection, after.room_id)
    fields = {"before": msgspec.structs.asdict(before), "after": msgspec.structs.asdict(after)}
    await audit.record(connection, by, "change", Entity("event", after.event_id), **fields)


async def lock_event(connection: Connection, event_id: EventId, *, selling: bool = False) -> Event:
    """Lock the event for a change. Raises EventNotFound, and Conflict if it is archived."""
    event = await events.lock_event(connection, event_id, selling=selling)
    if event is None:
        raise EventNotFound
    if await sale_lives.is_archived(connection, event.room_id):
        raise Conflict(ARCHIVED)
    return event


@asynccontextmanager
async def transaction(stores: Stores) -> AsyncIterator[Connection]:
    """A transaction in Postgres. Raises StoreUnavailable."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            yield connection


async def update_room(stores: Stores, event: Event) -> None:
    """Update terms and stock in Redis. A room that is not loaded will load both itself."""
    stores.absent.forget("event", event.event_id)
    stores.absent.forget("room", event.room_id)
    with stores_answer():
        await control.push(stores, event.room_id)
        try:
            await holds.load_totals(stores, event.room_id, event.event_id)
        except RoomNotReady:
            return


def _sent_fields(patch: Struct) -> dict[str, Any]:
    """The fields present in the request."""
    return {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
