"""SQL for the report of a sale: turns, orders, payments, and changes by staff."""

from __future__ import annotations

from typing import NamedTuple

from app.core.account import AUTOPILOT
from app.core.model import EventId, RoomId
from app.store.connections import Connection
from app.store.sql.audit import Entry, entry

LONG_S = 60.0  # reads all rows of a sale
CHANGES_MAX = 500


class Turns(NamedTuple):
    """Sessions of a room, by state."""

    claimed: int
    inside: int
    expired: int
    ended: int  # by the visitor, by staff, or by a confirmed purchase


class Orders(NamedTuple):
    """Reservations of an event. Visitors count once, however often they reserved."""

    holders: int  # visitors who held tickets
    buyers: int  # visitors who paid, even if refunded since
    made: int
    open: int
    confirmed: int
    expired: int
    cancelled: int  # before being paid
    refunded: int  # cancelled after being paid
    p50_to_pay_s: int | None  # from the hold to the confirmation
    p90_to_pay_s: int | None


class SoldTickets(NamedTuple):
    """Sold tickets of one type in one currency, and their price."""

    ticket_type_id: str
    name: str
    total: int
    currency: str
    quantity: int
    amount: int


class Paid(NamedTuple):
    """Payments in one currency and state; `refunded`: the part refunded or being refunded."""

    currency: str
    status: str
    payments: int
    amount: int
    refunded: int


async def select_turns(connection: Connection, room_id: RoomId) -> Turns:
    """The sessions of a room."""
    row = await connection.fetchrow(
        """
        SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL AND expires_at > now()),
               count(*) FILTER (WHERE ended_at IS NULL AND expires_at <= now()),
               count(*) FILTER (WHERE ended_at IS NOT NULL)
        FROM sessions WHERE room_id = $1
        """,
        room_id,
        timeout=LONG_S,
    )
    assert row is not None
    return Turns(*row)


async def select_orders(connection: Connection, event_id: EventId) -> Orders:
    """The reservations of an event."""
    row = await connection.fetchrow(
        """
        SELECT count(DISTINCT visitor_id), count(DISTINCT visitor_id) FILTER (WHERE confirmed_at IS NOT NULL),
               count(*), count(*) FILTER (WHERE status IN ('held', 'paying')),
               count(*) FILTER (WHERE status = 'confirmed'), count(*) FILTER (WHERE status = 'expired'),
               count(*) FILTER (WHERE status = 'cancelled' AND confirmed_at IS NULL),
               count(*) FILTER (WHERE status = 'cancelled' AND confirmed_at IS NOT NULL),
               percentile_disc(0.5) WITHIN GROUP (ORDER BY paid_after_s),
               percentile_disc(0.9) WITHIN GROUP (ORDER BY paid_after_s)
        FROM (SELECT *, extract(epoch FROM confirmed_at - created_at)::int AS paid_after_s
              FROM reservations WHERE event_id = $1) AS it
        """,
        event_id,
        timeout=LONG_S,
    )
    assert row is not None
    return Orders(*row)


async def select_sold(connection: Connection, event_id: EventId) -> list[SoldTickets]:
    """Sales by ticket type and currency; a type without sales is listed in the event's currency."""
    rows = await connection.fetch(
        """
        SELECT ticket_type_id, ticket_types.name, total, coalesce(sums.currency, events.currency),
               coalesce(quantity, 0), coalesce(amount, 0)
        FROM ticket_types JOIN events USING (event_id) LEFT JOIN (
            SELECT line.ticket_type_id, currency, sum(line.quantity)::bigint AS quantity,
                   sum(line.quantity * line.price)::bigint AS amount
            FROM reservations, jsonb_to_recordset(items)
                 AS line (ticket_type_id text, quantity bigint, price bigint)
            WHERE event_id = $1 AND status = 'confirmed' GROUP BY 1, 2
        ) AS sums USING (ticket_type_id)
        WHERE event_id = $1 ORDER BY ticket_types.created_at, ticket_type_id, 4
        """,
        event_id,
        timeout=LONG_S,
    )
    return [SoldTickets(*row) for row in rows]


async def select_paid(connection: Connection, event_id: EventId) -> list[Paid]:
    """The payments of an event."""
    rows = await connection.fetch(
        """
        SELECT currency, payments.status, count(*), sum(payments.amount)::bigint,
               sum(CASE WHEN payments.status IN ('refunding', 'refunded') THEN payments.amount
                   ELSE payments.refunded END)::bigint
        FROM payments JOIN reservations USING (reservation_id) WHERE event_id = $1 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        event_id,
        timeout=LONG_S,
    )
    return [Paid(*row) for row in rows]


async def select_changes(connection: Connection, room_id: RoomId, event_id: EventId | None) -> list[Entry]:
    """The last changes by staff to a room, its event, ticket types and visitors, oldest first.

    Without the autopilot's changes, which are numerous.
    """
    rows = await connection.fetch(
        """
        SELECT audit_id, changed_at, subject, audit.role, accounts.name, request_id, action, kind, id,
               before, after
        FROM audit LEFT JOIN accounts ON account_id = subject
        WHERE subject <> $4 AND ((kind = 'room' AND id = $1) OR (kind = 'event' AND id = $2)
           OR (kind = 'ticket_type' AND starts_with(id, $2 || '/'))
           OR (kind IN ('visitor', 'session') AND starts_with(id, $1 || '/')))
        ORDER BY audit_id DESC LIMIT $3
        """,
        *(room_id, event_id, CHANGES_MAX, AUTOPILOT.subject),
        timeout=LONG_S,
    )
    return [entry(row) for row in reversed(rows)]
