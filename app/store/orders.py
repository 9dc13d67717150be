"""The orders of an event as Postgres has them: read in chunks, of one moment, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.model import EventId

CHUNK = 1000
LONG_S = 60.0  # the first chunk sorts all of them
STALLED_S = 60  # a reader who takes nothing for so long is cut off: the moment must not be kept for ever


class ReservationCounts(NamedTuple):
    """How many reservations stand how, of one moment; `last_minute`: those made in it."""

    held: int
    paying: int
    confirmed: int
    cancelled: int
    expired: int
    last_minute: int


class Order(NamedTuple):
    """One reservation, as a row of the report. `items`: TYPE:QUANTITY:PRICE, with spaces in between."""

    reservation_id: str
    visitor_id: str
    status: str
    items: str
    amount: int
    currency: str
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    codes: str
    seat_ids: str


_SELECT = """
SELECT reservation_id, visitor_id, status,
       (SELECT string_agg(format('%s:%s:%s', line.ticket_type_id, line.quantity, line.price), ' ' ORDER BY nr)
        FROM ROWS FROM (jsonb_to_recordset(items) AS (ticket_type_id text, quantity bigint, price bigint))
             WITH ORDINALITY AS line (ticket_type_id, quantity, price, nr)) AS items,
       amount, currency, created_at, expires_at, confirmed_at, ended_at,
       coalesce((SELECT string_agg(code, ' ' ORDER BY ticket_type_id, ticket_id) FROM tickets
                 WHERE tickets.reservation_id = reservations.reservation_id), '') AS codes,
       coalesce((SELECT string_agg(seat, ' ') FROM jsonb_array_elements(items) AS line,
                 jsonb_array_elements_text(line -> 'seat_ids') AS seat), '') AS seat_ids
FROM reservations
WHERE event_id = $1 AND ($2::text IS NULL OR status = $2)
ORDER BY reservations.created_at, reservation_id
"""


async def orders(postgres: asyncpg.Pool, event_id: EventId, status: str | None) -> AsyncIterator[list[Order]]:
    """The orders, the oldest first; those of one status, or all."""
    async with (
        postgres.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED_S}s'")
        cursor = await connection.cursor(_SELECT, event_id, status, timeout=LONG_S)
        while rows := await cursor.fetch(CHUNK, timeout=LONG_S):
            yield [Order(*row) for row in rows]


async def counts(postgres: asyncpg.Pool, event_id: EventId | None) -> ReservationCounts:
    """The reservations of an event, or of all; counted by going over them, so not to be asked often."""
    row = await postgres.fetchrow(
        """
        SELECT count(*) FILTER (WHERE status = 'held') AS held,
               count(*) FILTER (WHERE status = 'paying') AS paying,
               count(*) FILTER (WHERE status = 'confirmed') AS confirmed,
               count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
               count(*) FILTER (WHERE status = 'expired') AS expired,
               count(*) FILTER (WHERE created_at > now() - interval '1 minute') AS last_minute
        FROM reservations WHERE $1::text IS NULL OR event_id = $1
        """,
        event_id,
        timeout=LONG_S,
    )
    assert row is not None
    return ReservationCounts(*row)
