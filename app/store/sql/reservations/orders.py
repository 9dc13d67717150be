"""SQL of orders for staff: lists, and one order with its history. Exports: `exports`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.model import EventId, VisitorId
from app.store.connections import Connection

LONG_S = 60.0  # sorts all orders of an event


class ReservationCounts(NamedTuple):
    """The number of reservations by state at one moment; `last_minute`: those created in it."""

    held: int
    paying: int
    confirmed: int
    cancelled: int
    expired: int
    last_minute: int


class OrderFilter(NamedTuple):
    """Which orders; None matches any. `ids`: only these reservations."""

    event_id: EventId | None = None
    status: str | None = None
    made_from: datetime | None = None
    made_to: datetime | None = None
    ids: list[str] | None = None
    events: list[str] | None = None  # only these events


class OrderRow(NamedTuple):
    """One reservation, as a line of a list; `email`: its visitor's address, if any."""

    reservation_id: str
    event_id: str
    event_name: str
    visitor_id: str
    email: str | None
    status: str
    quantity: int
    amount: int
    currency: str
    created_at: datetime


class PaymentRow(NamedTuple):
    """One payment attempt."""

    payment_id: str
    status: str
    method: str
    amount: int
    created_at: datetime
    settled_at: datetime | None
    refunded: int  # by partial refunds
    refund_why: str  # why the gateway has not made the full refund yet


class PaymentNote(NamedTuple):
    """A change to a payment reported by the gateway that did not come from us, and the amount."""

    payment_id: str
    kind: str
    amount: int
    currency: str
    noted_at: datetime


class OrderTimes(NamedTuple):
    """The history of an order according to its rows; `email` as in `OrderRow`."""

    email: str | None
    created_at: datetime
    expires_at: datetime
    extended_s: int
    confirmed_at: datetime | None
    ended_at: datetime | None


class MailLine(NamedTuple):
    """An e-mail about an order."""

    mail_id: str
    kind: str
    state: str
    created_at: datetime
    settled_at: datetime | None


WHERE = """
WHERE ($1::text IS NULL OR reservations.event_id = $1) AND ($2::text IS NULL OR reservations.status = $2)
  AND ($3::timestamptz IS NULL OR reservations.created_at >= $3)
  AND ($4::timestamptz IS NULL OR reservations.created_at <= $4)
  AND ($5::text[] IS NULL OR reservation_id = ANY($5))
  AND ($6::text[] IS NULL OR reservations.event_id = ANY($6))
  AND ($1 IS NOT NULL OR $5 IS NOT NULL
       OR reservations.event_id NOT IN (SELECT event_id FROM events WHERE rehearsal_of IS NOT NULL))
"""  # orders of a rehearsal are listed only on request

_EMAIL = "coalesce(nullif(buyers.email, ''), mailboxes.email)"  # of the buyer, else of their visitor
# Each lookup separately, so that each can use its index; visitors by event, as in the index.
_FIND = """
SELECT reservation_id FROM reservations WHERE reservation_id = $1
UNION SELECT reservation_id FROM tickets WHERE code = $6
UNION SELECT reservation_id FROM payments WHERE payment_id = $1
UNION SELECT reservation_id FROM events JOIN reservations USING (event_id) WHERE visitor_id = $1
UNION SELECT reservation_id FROM mailboxes JOIN events USING (room_id)
             JOIN reservations USING (event_id, visitor_id) WHERE lower(email) = $2
UNION SELECT reservation_id FROM buyers WHERE lower(email) = $2 AND email <> ''
UNION SELECT reservation_id FROM accounts JOIN reservations ON claimed_by = account_id WHERE email = $2
UNION SELECT reservation_id FROM unnest($3::text[], $4::text[]) AS theirs (event_id, visitor_id)
             JOIN reservations USING (event_id, visitor_id)
LIMIT $5
"""


async def statuses(connection: Connection, reservation_ids: Sequence[str]) -> dict[str, str]:
    """The states of these reservations, by id."""
    rows = await connection.fetch(
        "SELECT reservation_id, status FROM reservations WHERE reservation_id = ANY($1)", reservation_ids
    )
    return {row["reservation_id"]: row["status"] for row in rows}


async def counts(postgres: asyncpg.Pool, event_id: EventId | None) -> ReservationCounts:
    """Count the reservations of an event, or of all. Reads all of them, so do not call it often."""
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


async def find(
    postgres: asyncpg.Pool,
    word: str,
    code: str,
    email: str,
    visitors: Mapping[EventId, VisitorId],
    limit: int,
) -> list[str]:
    """The reservations that a search term identifies: an id, a ticket code, a payment, a visitor, or an
    e-mail; `visitors` maps events to the visitor of the account with that e-mail."""
    rows = await postgres.fetch(
        _FIND, *(word, email, list(visitors), list(visitors.values()), limit, code), timeout=LONG_S
    )
    return [row["reservation_id"] for row in rows]


async def select_page(
    postgres: asyncpg.Pool, criteria: OrderFilter, *, limit: int, offset: int
) -> tuple[list[OrderRow], int]:
    """One page of the orders, newest first, and how many match. Reads all orders of the event."""
    rows = await postgres.fetch(
        f"""
        SELECT it.reservation_id, it.event_id, events.name, it.visitor_id, {_EMAIL}, it.status,
               (SELECT coalesce(sum(quantity), 0)::bigint
                FROM jsonb_to_recordset(it.items) AS line (quantity bigint)),
               it.amount, it.currency, it.created_at
        FROM (SELECT * FROM reservations {WHERE}
              ORDER BY reservations.created_at DESC, reservation_id LIMIT $7 OFFSET $8) AS it
        JOIN events USING (event_id)
        LEFT JOIN mailboxes ON mailboxes.room_id = events.room_id AND mailboxes.visitor_id = it.visitor_id
        LEFT JOIN buyers ON buyers.reservation_id = it.reservation_id
        ORDER BY it.created_at DESC, it.reservation_id
        """,
        *(*criteria, limit, offset),
        timeout=LONG_S,
    )
    total: int = await postgres.fetchval(
        f"SELECT count(*) FROM reservations {WHERE}", *criteria, timeout=LONG_S
    )
    return [OrderRow(*row) for row in rows], total


async def lock_status(connection: Connection, reservation_id: str) -> str | None:
    """Lock a reservation until the transaction ends and return its state; None if there is none."""
    statement = "SELECT status FROM reservations WHERE reservation_id = $1 FOR UPDATE"
    status: str | None = await connection.fetchval(statement, reservation_id)
    return status


async def times(postgres: asyncpg.Pool, reservation_id: str) -> OrderTimes | None:
    """The times in an order's history, or None."""
    row = await postgres.fetchrow(
        f"SELECT {_EMAIL}, it.created_at, expires_at, extended_s, it.confirmed_at, ended_at "
        "FROM reservations it JOIN events USING (event_id) LEFT JOIN mailboxes USING (room_id, visitor_id) "
        "LEFT JOIN buyers USING (reservation_id) WHERE reservation_id = $1",
        reservation_id,
    )
    return OrderTimes(*row) if row else None


async def payments(postgres: asyncpg.Pool, reservation_id: str) -> list[PaymentRow]:
    """The payment attempts for an order, oldest first."""
    attempts = (
        "SELECT payment_id, status, method, amount, created_at, settled_at, refunded, "
        "CASE status WHEN 'refunding' THEN refund_why ELSE '' END FROM payments "
        "WHERE reservation_id = $1 ORDER BY created_at, payment_id LIMIT 100"
    )
    rows = await postgres.fetch(attempts, reservation_id)
    return [PaymentRow(*row) for row in rows]


async def payment_notes(postgres: asyncpg.Pool, reservation_id: str) -> list[PaymentNote]:
    """The gateways' notes on an order's payments, oldest first."""
    rows = await postgres.fetch(
        "SELECT payment_id, kind, it.amount, it.currency, noted_at FROM payment_notes it "
        "JOIN payments USING (payment_id) WHERE reservation_id = $1 ORDER BY noted_at LIMIT 100",
        reservation_id,
    )
    return [PaymentNote(*row) for row in rows]


async def mails(postgres: asyncpg.Pool, reservation_id: str) -> list[MailLine]:
    """The e-mails about an order, oldest first."""
    rows = await postgres.fetch(
        "SELECT mail_id, kind, state, created_at, settled_at FROM mails "
        "WHERE reservation_id = $1 ORDER BY created_at, mail_id LIMIT 100",
        reservation_id,
    )
    return [MailLine(*row) for row in rows]
