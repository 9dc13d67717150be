"""SQL of events and their ticket types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from app.core.catalogue.sale_life import CANCEL_OR_MOVE_FIELDS
from app.core.model import Event, EventId, RoomId, TicketType, TicketTypeId
from app.core.text import typed
from app.store.connections import Connection, Queries
from app.store.sql.waiting_room.rooms import readable

_COLUMNS = """
    event_id, room_id, name, venue, artist, starts_at, currency, max_tickets_per_visitor, hold_ttl_s,
    published, hold_extend_s, timezone, sell_after_start, prices_include_tax, fee_per_ticket, fee_rate_bp,
    fee_tax_rate_bp, payments, seller
"""
_READ = ", ".join((_COLUMNS.replace("starts_at", readable("starts_at")), *CANCEL_OR_MOVE_FIELDS))
TYPE_READ = (
    "ticket_type_id, name, price, total, held, sold, seated, hidden, tax_rate_bp, blocked, "
    "plan::text AS plan, " + ", ".join(readable(it) for it in ("sale_from", "sale_until"))
)


# Events of which nothing more is sold.
_OVER = "(events.starts_at <= now() AND NOT sell_after_start)"


class EventFilter(NamedTuple):
    """Filters of a list of events; None means any. `text` is folded (`typed.folded`)."""

    text: str | None = None
    starts_from: datetime | None = None
    starts_to: datetime | None = None
    published_only: bool = True
    events: list[str] | None = None  # only these


def _event(row: Any) -> Event:
    return Event(**dict(row.items()))


def _ticket_type(row: Any) -> TicketType:
    return TicketType(**{name: row[name] for name in TicketType.__struct_fields__})


def search_text(event: Event) -> str:
    """The text it is searched by."""
    return typed.folded(f"{event.name} {event.artist} {event.venue}")


async def select_event(queries: Queries, event_id: EventId) -> Event | None:
    """The event, or None."""
    row = await queries.fetchrow(f"SELECT {_READ} FROM events WHERE event_id = $1", event_id)
    return _event(row) if row else None


async def lock_event(connection: Connection, event_id: EventId, *, selling: bool = False) -> Event | None:
    """Lock an event until the transaction ends: changes by staff are serialized.

    `selling`: allow reservations meanwhile, for a transaction that takes long.
    """
    how = "NO KEY UPDATE" if selling else "UPDATE"
    row = await connection.fetchrow(f"SELECT {_READ} FROM events WHERE event_id = $1 FOR {how}", event_id)
    return _event(row) if row else None


async def select_events(
    postgres: asyncpg.Pool, criteria: EventFilter, *, limit: int, offset: int
) -> tuple[list[Event], int]:
    """One page of the events, soonest first and past ones last, and how many there are in total."""
    rows = await postgres.fetch(
        f"""
        SELECT {_READ}, count(*) OVER () AS matching FROM events
        WHERE (published AND archived_at IS NULL AND rehearsal_of IS NULL OR NOT $1)
          AND ($2::text IS NULL OR strpos(search, $2) > 0)
          AND ($3::timestamptz IS NULL OR starts_at >= $3)
          AND ($4::timestamptz IS NULL OR starts_at <= $4)
          AND ($5::text[] IS NULL OR event_id = ANY($5))
        ORDER BY {_OVER}, CASE WHEN {_OVER} THEN -extract(epoch FROM events.starts_at)
                                ELSE extract(epoch FROM events.starts_at) END, event_id LIMIT $6 OFFSET $7
        """,
        criteria.published_only,
        criteria.text,
        criteria.starts_from,
        criteria.starts_to,
        criteria.events,
        limit,
        offset,
    )
    if not rows and offset:
        _, total = await select_events(postgres, criteria, limit=1, offset=0)
        return [], total
    events = [_event({k: v for k, v in row.items() if k != "matching"}) for row in rows]
    return events, rows[0]["matching"] if rows else 0


async def select_ticket_types(queries: Queries, event_id: EventId) -> list[TicketType]:
    """The ticket types in order of creation."""
    rows = await queries.fetch(
        f"SELECT {TYPE_READ} FROM ticket_types WHERE event_id = $1 ORDER BY created_at, ticket_type_id",
        event_id,
    )
    return [_ticket_type(row) for row in rows]


async def select_types_of_events(
    queries: Queries, event_ids: Sequence[EventId]
) -> dict[EventId, list[TicketType]]:
    """The ticket types of several events."""
    rows = await queries.fetch(
        f"SELECT event_id, {TYPE_READ} FROM ticket_types WHERE event_id = ANY($1) "
        "ORDER BY created_at, ticket_type_id",
        event_ids,
    )
    types: dict[EventId, list[TicketType]] = {event_id: [] for event_id in event_ids}
    for row in rows:
        types[row["event_id"]].append(_ticket_type(row))
    return types


async def insert_event(connection: Connection, event: Event) -> bool:
    """Insert an event; False if the event_id is taken."""
    row = await connection.fetchrow(
        f"INSERT INTO events ({_COLUMNS}, search) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) "
        "ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        *(getattr(event, name) for name in Event.__struct_fields__ if name not in CANCEL_OR_MOVE_FIELDS),
        search_text(event),
    )
    return row is not None


async def update_event(connection: Connection, event: Event) -> None:
    """Write every changeable field of the event."""
    await connection.execute(
        """
        UPDATE events SET name = $2, venue = $3, artist = $4, starts_at = $5, currency = $6,
            max_tickets_per_visitor = $7, hold_ttl_s = $8, published = $9, hold_extend_s = $10,
            timezone = $11, sell_after_start = $12, prices_include_tax = $13, fee_per_ticket = $14,
            fee_rate_bp = $15, fee_tax_rate_bp = $16, payments = $17, seller = $18,
            search = $19, revision = revision + 1
        WHERE event_id = $1
        """,
        *(
            getattr(event, name)
            for name in Event.__struct_fields__
            if name not in ("room_id", *CANCEL_OR_MOVE_FIELDS)
        ),
        search_text(event),
    )


async def has_reservations(queries: Queries, event_id: EventId) -> bool:
    """Whether there ever was a reservation."""
    has_any: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM reservations WHERE event_id = $1)", event_id
    )
    return has_any


async def delete_event(connection: Connection, event_id: EventId) -> None:
    """Delete an event without reservations, and its ticket types."""
    await connection.execute("DELETE FROM events WHERE event_id = $1", event_id)


async def insert_ticket_type(connection: Connection, event_id: EventId, ticket_type: TicketType) -> bool:
    """Insert a ticket type; False if the event has one with this id."""
    row = await connection.fetchrow(
        "INSERT INTO ticket_types (event_id, ticket_type_id, name, price, total, seated, sale_from, "
        "sale_until, hidden, tax_rate_bp, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp()) "
        "ON CONFLICT DO NOTHING RETURNING ticket_type_id",
        event_id,
        ticket_type.ticket_type_id,
        ticket_type.name,
        ticket_type.price,
        ticket_type.total,
        ticket_type.seated,
        ticket_type.sale_from,
        ticket_type.sale_until,
        ticket_type.hidden,
        ticket_type.tax_rate_bp,
    )
    return row is not None


async def delete_ticket_type(connection: Connection, event_id: EventId, ticket_type_id: TicketTypeId) -> bool:
    """Delete a ticket type; False if its event ever had a reservation."""
    row = await connection.fetchrow(
        "DELETE FROM ticket_types WHERE event_id = $1 AND ticket_type_id = $2 AND NOT seated "
        "AND NOT EXISTS (SELECT FROM reservations WHERE event_id = $1) RETURNING ticket_type_id",
        event_id,
        ticket_type_id,
    )
    return row is not None


async def lock_ticket_type(
    connection: Connection, event_id: EventId, ticket_type_id: TicketTypeId
) -> TicketType | None:
    """Lock a ticket type until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {TYPE_READ} FROM ticket_types WHERE event_id = $1 AND ticket_type_id = $2 FOR UPDATE",
        event_id,
        ticket_type_id,
    )
    return _ticket_type(row) if row else None


async def update_ticket_type(connection: Connection, event_id: EventId, ticket_type: TicketType) -> None:
    """Write the changeable fields of a ticket type: name, price, total, sale window, visibility and tax."""
    await connection.execute(
        "UPDATE ticket_types SET name = $3, price = $4, total = $5, sale_from = $6, sale_until = $7, "
        "hidden = $8, tax_rate_bp = $9 "
        "WHERE event_id = $1 AND ticket_type_id = $2",
        event_id,
        ticket_type.ticket_type_id,
        ticket_type.name,
        ticket_type.price,
        ticket_type.total,
        ticket_type.sale_from,
        ticket_type.sale_until,
        ticket_type.hidden,
        ticket_type.tax_rate_bp,
    )


async def select_unpublished(postgres: asyncpg.Pool) -> list[tuple[EventId, RoomId]]:
    """The events shown only to staff, and their rooms."""
    rows = await postgres.fetch("SELECT event_id, room_id FROM events WHERE NOT published")
    return [(row["event_id"], row["room_id"]) for row in rows]


async def revision_of(queries: Queries, event_id: EventId) -> int:
    """The number of changes to the event."""
    revision: int = await queries.fetchval("SELECT revision FROM events WHERE event_id = $1", event_id) or 0
    return revision


async def currencies_of(queries: Queries, event_ids: list[EventId]) -> dict[EventId, str]:
    """The currency of each of these events that exists."""
    rows = await queries.fetch("SELECT event_id, currency FROM events WHERE event_id = ANY($1)", event_ids)
    return {it["event_id"]: it["currency"] for it in rows}


async def room_of(queries: Queries, event_id: EventId) -> RoomId | None:
    """The room of an event; it never changes."""
    room_id: RoomId | None = await queries.fetchval(
        "SELECT room_id FROM events WHERE event_id = $1", event_id
    )
    return room_id
