"""Reads a whole event from PostgreSQL: ticket types, sums over its rows, and all rows to restore."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import asyncpg
import msgspec

from app.core.catalogue.seating import SeatRow
from app.core.model import EventId, Item, RoomId, TicketType
from app.core.payments.sums import NO_FEE, Fee
from app.core.reservations.outcomes import held_outcome, outcome_entry
from app.core.reservations.terms import HoldTerms, entry_text, items_text, terms_text, with_code
from app.core.waiting_room.rules import sold_until
from app.store.scripts.filling import LoadedHold
from app.store.sql.catalogue import codes, seats
from app.store.sql.catalogue.events import TYPE_READ, select_event

CHUNK = 1000
LONG_S = 60.0  # statements that read an entire event

_read_items = msgspec.json.Decoder(list[Item]).decode


class OnSale(NamedTuple):
    """What an event sells: its ticket types, the oldest first, and its booking fee."""

    ticket_types: list[TicketType]
    fee: Fee


class Balance(NamedTuple):
    """A ticket type's counters beside the sums over its reservations, at one moment."""

    ticket_type_id: str
    total: int
    held: int
    sold: int
    rows_held: int
    rows_sold: int
    price: int


async def events_on_sale(postgres: asyncpg.Pool) -> list[tuple[RoomId, EventId]]:
    """Every room that has an event."""
    rows = await postgres.fetch("SELECT room_id, event_id FROM events ORDER BY room_id")
    return [(RoomId(row["room_id"]), EventId(row["event_id"])) for row in rows]


async def sales_of(
    postgres: asyncpg.Pool, room_ids: Sequence[RoomId], *, changed_within_s: float = 0
) -> list[tuple[RoomId, EventId]]:
    """The rooms among these that have an event, and the rooms with an event that staff changed lately."""
    rows = await postgres.fetch(
        "SELECT room_id, event_id FROM events WHERE room_id = ANY($1) UNION "
        "SELECT room_id, event_id FROM events JOIN rooms USING (room_id) "
        "WHERE changed_at > now() - make_interval(secs => $2) ORDER BY room_id",
        room_ids,
        changed_within_s,
    )
    return [(RoomId(row["room_id"]), EventId(row["event_id"])) for row in rows]


async def balances(postgres: asyncpg.Pool, event_id: EventId) -> list[Balance]:
    """Counters and sums per ticket type, in one statement and so at one moment."""
    rows = await postgres.fetch(
        """
        SELECT ticket_type_id, total, held, sold,
               coalesce(rows_held, 0)::bigint, coalesce(rows_sold, 0)::bigint, price
        FROM ticket_types LEFT JOIN (
            SELECT line.ticket_type_id,
                   sum(line.quantity) FILTER (WHERE status IN ('held', 'paying')) AS rows_held,
                   sum(line.quantity) FILTER (WHERE status = 'confirmed') AS rows_sold
            FROM reservations, jsonb_to_recordset(items) AS line (ticket_type_id text, quantity bigint)
            WHERE event_id = $1 AND status IN ('held', 'paying', 'confirmed') GROUP BY 1
        ) AS sums USING (ticket_type_id)
        WHERE event_id = $1 ORDER BY ticket_type_id
        """,
        event_id,
        timeout=LONG_S,
    )
    return [Balance(*row) for row in rows]


async def live_states(postgres: asyncpg.Pool, event_id: EventId) -> dict[str, str]:
    """reservation_id -> held or sold, as Redis should have it, for every live reservation."""
    rows = await postgres.fetch(
        "SELECT reservation_id, CASE status WHEN 'confirmed' THEN 'sold' ELSE 'held' END AS state "
        "FROM reservations WHERE event_id = $1 AND status IN ('held', 'paying', 'confirmed')",
        event_id,
        timeout=LONG_S,
    )
    return {row["reservation_id"]: row["state"] for row in rows}


class Snapshot:
    """An event at one moment, to restore Redis from; created by `snapshot`."""

    def __init__(self, connection: Any, event_id: EventId) -> None:
        self._connection = connection
        self._event_id = event_id

    async def on_sale(self) -> OnSale:
        """What the event sold at that moment."""
        return await on_sale(self._connection, self._event_id)

    async def seat_rows(self, ticket_type_ids: Sequence[str]) -> dict[str, list[SeatRow]]:
        """The rows of these ticket types, all seats free."""
        return await seats.select_rows(self._connection, self._event_id, ticket_type_ids)

    def codes(self) -> AsyncIterator[list[tuple[str, str]]]:
        """The fields of Redis for its codes, in chunks."""
        return codes.fields(self._connection, self._event_id)

    async def reservations(self) -> AsyncIterator[list[LoadedHold]]:
        """The live reservations and those of the last day, in chunks."""
        cursor = await self._connection.cursor(
            """
            SELECT reservation_id, visitor_id, status, amount, currency, items, fingerprint,
                   used_code, discount,
                   round(extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
                   round(extract(epoch FROM expires_at) * 1000)::bigint - 1000 * extended_s AS expires_ms,
                   created_at > now() - interval '24 hours' AS recent
            FROM reservations
            WHERE event_id = $1 AND (status IN ('held', 'paying', 'confirmed')
                                     OR created_at > now() - interval '24 hours')
            """,
            self._event_id,
            timeout=LONG_S,
        )
        while rows := await cursor.fetch(CHUNK, timeout=LONG_S):
            yield [_loaded(row) for row in rows]


@asynccontextmanager
async def snapshot(postgres: asyncpg.Pool, event_id: EventId) -> AsyncIterator[Snapshot]:
    """Open a snapshot: everything read inside is of one moment."""
    async with (
        postgres.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield Snapshot(connection, event_id)


async def on_sale(connection: Any, event_id: EventId) -> OnSale:
    """What an event sells, for Redis: sales end when the event begins, unless staff allow more."""
    rows = await connection.fetch(
        f"SELECT {TYPE_READ} FROM ticket_types WHERE event_id = $1 ORDER BY created_at, ticket_type_id",
        event_id,
    )
    types = [TicketType(**dict(row.items())) for row in rows]
    event = await select_event(connection, event_id) if types else None
    if event is None:
        return OnSale(types, NO_FEE)
    types = [msgspec.structs.replace(it, sale_until=sold_until(event, it.sale_until)) for it in types]
    return OnSale(types, Fee(event.fee_per_ticket, event.fee_rate_bp))


_STATES = {"held": "held", "paying": "held", "confirmed": "sold"}


def _loaded(row: asyncpg.Record) -> LoadedHold:
    terms = terms_text(
        HoldTerms(
            row["amount"],
            row["currency"],
            row["created_ms"],
            row["expires_ms"],
            with_code(_items_text(row["items"]), row["used_code"], row["discount"]),
        )
    )
    state = _STATES.get(row["status"])
    return LoadedHold(
        row["reservation_id"],
        entry_text(state, row["visitor_id"], terms) if state else "",
        outcome_entry(row["fingerprint"], held_outcome(terms)) if row["recent"] else "",
    )


@lru_cache(maxsize=4096)
def _items_text(items: str) -> str:
    return items_text(_read_items(items))
