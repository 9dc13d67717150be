"""Ticket types within a change by staff: counted ones, and sections of seats. Each writes its audit row."""

from __future__ import annotations

from typing import Any

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.catalogue import seating
from app.core.catalogue.definitions import SEATS_OF_EVENT_MAX, TICKET_TYPES_MAX, NewTicketType
from app.core.catalogue.seating import Section
from app.core.errors import AlreadyExists, Conflict
from app.core.model import EventId, TicketType, TicketTypeId
from app.core.waiting_room import rules
from app.store.connections import Connection
from app.store.sql.audit import Fields
from app.store.sql.catalogue import events, seats


async def insert(connection: Connection, event_id: EventId, new: NewTicketType, by: Author) -> TicketType:
    """Insert a type of counted tickets.

    Raises AlreadyExists, Conflict if there are too many types, ValidationFailed naming the field.
    """
    rules.check_sale_window(new.sale_from, new.sale_until)
    ticket_type = TicketType(
        ticket_type_id=TicketTypeId(new.ticket_type_id),
        name=new.name,
        price=new.price,
        total=new.quantity,
        held=0,
        sold=0,
        sale_from=new.sale_from,
        sale_until=new.sale_until,
        hidden=new.hidden,
        tax_rate_bp=new.tax_rate_bp,
    )
    await _insert(connection, event_id, ticket_type, by)
    return ticket_type


async def _insert(connection: Connection, event_id: EventId, ticket_type: TicketType, by: Author) -> None:
    if len(await events.select_ticket_types(connection, event_id)) >= TICKET_TYPES_MAX:
        raise Conflict(f"An event has at most {TICKET_TYPES_MAX} ticket types.")
    if not await events.insert_ticket_type(connection, event_id, ticket_type):
        raise AlreadyExists(f"A ticket type {ticket_type.ticket_type_id} already exists.")
    entity = _entity(event_id, ticket_type)
    await audit.record(connection, by, "create", entity, after=_fields(ticket_type))


async def insert_section(
    connection: Connection, event_id: EventId, section: Section, by: Author
) -> TicketType:
    """Insert a section with its seats. Raises AlreadyExists, Conflict if there are too many types or
    seats."""
    if await seats.count_seats(connection, event_id) + section.total > SEATS_OF_EVENT_MAX:
        raise Conflict(f"An event has at most {SEATS_OF_EVENT_MAX} seats.")
    new = TicketType(
        ticket_type_id=section.ticket_type_id,
        name=section.name,
        price=section.price,
        total=section.total,
        held=0,
        sold=0,
        seated=True,
        sale_from=section.sale_from,
        sale_until=section.sale_until,
        hidden=section.hidden,
        tax_rate_bp=section.tax_rate_bp,
    )
    await _insert(connection, event_id, new, by)
    await seats.insert_seats(connection, event_id, section)
    return new


async def grow_section(connection: Connection, event_id: EventId, section: Section, by: Author) -> TicketType:
    """Add the missing seats to a section, new rows after the others; creates the section if there is none.

    Raises Conflict if it has another price, or too many rows or seats.
    """
    before = await events.lock_ticket_type(connection, event_id, section.ticket_type_id)
    if before is None:
        return await insert_section(connection, event_id, section, by)
    if not before.seated or before.price != section.price:
        why = "has another price, which it keeps when it grows" if before.seated else "has no seats"
        raise Conflict(f"{before.name} {why}.")
    rows_before = (await seats.select_rows(connection, event_id, [before.ticket_type_id]))[
        before.ticket_type_id
    ]
    added = seating.added_rows(rows_before, section.rows)
    new = sum(len(list(row.numbers())) for _, row in added)
    if await seats.count_seats(connection, event_id) + new > SEATS_OF_EVENT_MAX:
        raise Conflict(f"An event has at most {SEATS_OF_EVENT_MAX} seats.")
    await seats.insert_rows(connection, event_id, before.ticket_type_id, added)
    grown = msgspec.structs.replace(before, total=before.total + new)
    await events.update_ticket_type(connection, event_id, grown)
    fields = {"before": _fields(before), "after": _fields(grown)}
    await audit.record(connection, by, "change", _entity(event_id, grown), **fields)
    return grown


async def upsert_section(
    connection: Connection, event_id: EventId, section: Section, terms: dict[str, Any], by: Author
) -> None:
    """Create the section, or update its terms. Raises Conflict if it has other seats."""
    existing = await events.lock_ticket_type(connection, event_id, section.ticket_type_id)
    if existing is None:
        await insert_section(connection, event_id, section, by)
        return
    rows_before = await seats.select_rows(connection, event_id, [section.ticket_type_id])
    rows = [it.all_free() for it in rows_before.get(section.ticket_type_id, ())]
    if rows != list(section.rows):
        raise Conflict(f"{section.name} already exists with other seats; use another name.")
    await update(connection, event_id, existing, terms, by)


async def update(
    connection: Connection, event_id: EventId, before: TicketType, terms: dict[str, Any], by: Author
) -> TicketType:
    """Change a ticket type's terms; existing holds keep theirs.

    Raises Conflict if the quantity would fall below held and sold, ValidationFailed naming the field.
    """
    changed = msgspec.structs.replace(
        before,
        name=terms.get("name", before.name),
        price=terms.get("price", before.price),
        total=terms.get("quantity", before.total),
        sale_from=terms.get("sale_from", before.sale_from),
        sale_until=terms.get("sale_until", before.sale_until),
        hidden=terms.get("hidden", before.hidden),
        tax_rate_bp=terms.get("tax_rate_bp", before.tax_rate_bp),
    )
    rules.check_sale_window(changed.sale_from, changed.sale_until)
    if before.seated and changed.total != before.total:
        raise Conflict(f"{before.name} has {before.total} seats; they are its quantity.")
    if changed.total < before.held + before.sold:
        raise Conflict(f"{before.held} are held and {before.sold} are sold; quantity cannot be less.")
    await events.update_ticket_type(connection, event_id, changed)
    fields = {"before": _fields(before), "after": _fields(changed)}
    await audit.record(connection, by, "change", _entity(event_id, changed), **fields)
    return changed


async def record_delete(
    connection: Connection, event_id: EventId, ticket_type: TicketType, by: Author
) -> None:
    """Write the audit row of a ticket type deleted with its event."""
    await audit.record(connection, by, "delete", _entity(event_id, ticket_type), before=_fields(ticket_type))


def _entity(event_id: EventId, ticket_type: TicketType) -> Entity:
    return Entity("ticket_type", f"{event_id}/{ticket_type.ticket_type_id}")


def _fields(ticket_type: TicketType) -> Fields:
    """The audit log's fields of a ticket type, by the names of the API."""
    fields: Fields = {"name": ticket_type.name, "price": ticket_type.price, "quantity": ticket_type.total}
    fields["tax_rate_bp"] = ticket_type.tax_rate_bp
    return {
        **fields,
        "sale_from": ticket_type.sale_from,
        "sale_until": ticket_type.sale_until,
        "hidden": ticket_type.hidden,
    }
