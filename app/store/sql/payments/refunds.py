"""SQL of refunds: a part of an order's payment is returned, possibly with some of its tickets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg
import msgspec

from app.core.model import EventId, Item, ReservationStatus, RoomId
from app.core.payments.refunds import CancelledTicket, Refund
from app.core.reservations.terms import read_items
from app.store.connections import Connection, Queries
from app.store.sql.notifications.mail_queue import REACHED

OPEN_MAX = 200  # processed per round
WHY_MAX = 300
RETRY_MAX_S = 300.0  # the longest interval between attempts
SURE_AFTER_TRIES = 8  # from then on intervals are minutes, so that no earlier request can still be under way
_read_tickets = msgspec.json.Decoder(list[CancelledTicket]).decode
_COLUMNS = """
refund_id, payment_id, reservation_id, amount, currency, tickets::text, to_stock, reason, state, why, tries,
created_at
"""


class LockedOrder(NamedTuple):
    """An order, locked until the transaction ends."""

    status: ReservationStatus
    items: list[Item]
    cancelled: list[Item]  # went back on sale before
    amount: int
    currency: str
    refunded: int
    event_id: EventId
    room_id: RoomId


class Paid(NamedTuple):
    """The payment of an order; `gateway`: it was made through our gateway, which can refund it."""

    payment_id: str
    amount: int
    refunded: int
    gateway: bool

    @property
    def left(self) -> int:
        """The amount that can still be refunded."""
        return self.amount - self.refunded


class ValidTicket(NamedTuple):
    """A valid ticket."""

    ticket_id: str
    ticket_type_id: str
    seat_id: str | None
    code: str


class RecordedRefund(NamedTuple):
    """An existing refund, and the fingerprint of its request."""

    refund: Refund
    fingerprint: str


async def select_one(queries: Queries, refund_id: str) -> RecordedRefund | None:
    """The refund, or None."""
    row = await queries.fetchrow(
        f"SELECT {_COLUMNS}, fingerprint FROM refunds WHERE refund_id = $1", refund_id
    )
    return RecordedRefund(_refund(row), row["fingerprint"]) if row else None


async def of_order(queries: Queries, reservation_id: str) -> list[Refund]:
    """The refunds of an order, oldest first."""
    rows = await queries.fetch(
        f"SELECT {_COLUMNS} FROM refunds WHERE reservation_id = $1 ORDER BY created_at, refund_id",
        reservation_id,
    )
    return [_refund(row) for row in rows]


async def lock_order(connection: Connection, reservation_id: str) -> LockedOrder | None:
    """Lock an order; None if there is none."""
    row = await connection.fetchrow(
        "SELECT status, items, coalesce(cancelled_items, '[]'), amount, reservations.currency, refunded, "
        "event_id, room_id "
        "FROM reservations JOIN events USING (event_id) WHERE reservation_id = $1 FOR UPDATE OF reservations",
        reservation_id,
    )
    return LockedOrder(row[0], read_items(row[1]), read_items(row[2]), *row[3:]) if row else None


async def lock_paid(connection: Connection, reservation_id: str, again: str = "") -> Paid | None:
    """Lock an order's payment; None: there is none, or it is being refunded in full. `again`: or this one."""
    row = await connection.fetchrow(
        "SELECT payment_id, amount, refunded, gateway FROM payments "
        "WHERE reservation_id = $1 AND (status = 'succeeded' OR status = 'refunded' AND payment_id = $2) "
        "ORDER BY payment_id <> $2 LIMIT 1 FOR UPDATE",
        *(reservation_id, again),
    )
    return Paid(*row) if row else None


async def valid_tickets(queries: Queries, reservation_id: str) -> list[ValidTicket]:
    """The valid tickets of an order."""
    rows = await queries.fetch(
        "SELECT ticket_id, ticket_type_id, seat_id, code FROM tickets WHERE reservation_id = $1 "
        "ORDER BY ticket_type_id, ticket_id",
        reservation_id,
    )
    return [ValidTicket(*row) for row in rows]


async def insert(connection: Connection, new: Refund, fingerprint: str) -> None:
    """Record the refund, and add it to the refunded amounts of its payment and its order."""
    await connection.execute(
        """
        WITH made AS (
            INSERT INTO refunds (refund_id, payment_id, reservation_id, fingerprint, amount, currency,
                                 tickets, to_stock, reason, state)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            RETURNING payment_id, reservation_id, amount
        ), counted AS (
            UPDATE payments SET refunded = payments.refunded + made.amount FROM made
            WHERE payments.payment_id = made.payment_id
        )
        UPDATE reservations SET refunded = reservations.refunded + made.amount FROM made
        WHERE reservations.reservation_id = made.reservation_id
        """,
        *(new.refund_id, new.payment_id, new.reservation_id, fingerprint, new.amount, new.currency),
        *(msgspec.json.encode(new.tickets).decode(), new.to_stock, new.reason, new.state),
    )


async def void(connection: Connection, ticket_ids: Sequence[str]) -> None:
    """Make tickets void."""
    await connection.execute("DELETE FROM tickets WHERE ticket_id = ANY($1)", ticket_ids)


# The lock order of all statements: the order, its counters, its seats.
_SHRINK = """
WITH shrunk AS (
    UPDATE reservations SET items = $2, released = false,
                            cancelled_items = coalesce(cancelled_items, '[]') || $3::jsonb
    WHERE reservation_id = $1 RETURNING event_id
), counted AS (
    UPDATE ticket_types it SET sold = it.sold - locked.quantity
    FROM (SELECT event_id, ticket_type_id, line.quantity
          FROM shrunk JOIN ticket_types USING (event_id)
          JOIN jsonb_to_recordset($3::jsonb) AS line (ticket_type_id text, quantity bigint)
               USING (ticket_type_id)
          ORDER BY 1, 2 FOR UPDATE OF ticket_types) AS locked
    WHERE it.event_id = locked.event_id AND it.ticket_type_id = locked.ticket_type_id
    RETURNING 1
)
DELETE FROM seat_holds WHERE reservation_id = $1 AND seat_id = ANY($4) AND (SELECT count(*) FROM counted) > 0
"""


async def shrink(
    connection: Connection, reservation_id: str, kept: Sequence[Item], returned: Sequence[Item]
) -> None:
    """Reduce a sold order to some of its items and return the others to the stock."""
    seats = [seat for it in returned for seat in it.seat_ids or ()]
    await connection.execute(
        _SHRINK,
        *(reservation_id, msgspec.json.encode(kept).decode(), msgspec.json.encode(returned).decode(), seats),
    )


async def mark_shrunk(queries: Queries, reservation_id: str, items: str) -> None:
    """Mark that Redis has these items (JSON) of a reduced order; one reduced again since stays unmarked."""
    await queries.execute(
        "UPDATE reservations SET released = true "
        "WHERE reservation_id = $1 AND status = 'confirmed' AND items = $2::jsonb",
        *(reservation_id, items),
    )


async def owed(postgres: asyncpg.Pool) -> list[Refund]:
    """Refunds that are due to be requested from the gateway."""
    rows = await postgres.fetch(
        f"SELECT {_COLUMNS} FROM refunds WHERE state = 'owed' AND due_at <= now() ORDER BY due_at LIMIT $1",
        OPEN_MAX,
    )
    return [_refund(row) for row in rows]


# The buyer is notified once, in the transaction that records the refund.
_DONE = f"""
WITH done AS (
    UPDATE refunds SET state = 'done', why = '', settled_at = now()
    WHERE refund_id = $1 AND state = 'owed' RETURNING refund_id, reservation_id
)
INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, state)
SELECT 'refunded', refund_id, events.room_id, reservations.visitor_id, reservations.reservation_id,
       reached.email, reached.guest, 'waiting'
FROM done JOIN reservations USING (reservation_id) JOIN events USING (event_id) {REACHED}
WHERE reached.email IS NOT NULL
ON CONFLICT (kind, subject_id) DO NOTHING
"""


async def mark_done(queries: Queries, refund_id: str) -> None:
    """Record a completed refund and notify the buyer. Repeating it changes nothing."""
    await queries.execute(_DONE, refund_id)


async def later(postgres: asyncpg.Pool, refund_id: str, why: str) -> None:
    """Record that the gateway did not answer: retry after a growing interval."""
    await postgres.execute(
        f"UPDATE refunds SET why = $2, tries = tries + 1, due_at = now() + make_interval("
        f"secs => least(2 ^ least(tries, 20), {RETRY_MAX_S})) WHERE refund_id = $1 AND state = 'owed'",
        *(refund_id, why[:WHY_MAX]),
    )


async def mark_failed(postgres: asyncpg.Pool, refund_id: str, why: str) -> None:
    """Record a refusal by the gateway: the amount counts as not refunded until staff retry it."""
    await postgres.execute(
        f"""
        WITH failed AS (
            UPDATE refunds SET state = 'failed', why = $2, settled_at = now(),
                               tries = greatest(tries + 1, {SURE_AFTER_TRIES})
            WHERE refund_id = $1 AND state IN ('owed', 'done') RETURNING payment_id, reservation_id, amount
        ), counted AS (
            UPDATE payments SET refunded = payments.refunded - failed.amount FROM failed
            WHERE payments.payment_id = failed.payment_id
        )
        UPDATE reservations SET refunded = reservations.refunded - failed.amount FROM failed
        WHERE reservations.reservation_id = failed.reservation_id
        """,
        *(refund_id, why[:WHY_MAX]),
    )


async def retry(connection: Connection, refund_id: str) -> bool:
    """Make a failed refund due again; False if it has not failed.

    The caller has locked its payment and checked that enough of it is left.
    """
    done = await connection.fetchval(
        """
        WITH again AS (
            UPDATE refunds SET state = 'owed', why = '', due_at = now(), settled_at = NULL
            WHERE refund_id = $1 AND state = 'failed' RETURNING payment_id, reservation_id, amount
        ), counted AS (
            UPDATE payments SET refunded = payments.refunded + again.amount FROM again
            WHERE payments.payment_id = again.payment_id
        )
        UPDATE reservations SET refunded = reservations.refunded + again.amount FROM again
        WHERE reservations.reservation_id = again.reservation_id RETURNING true
        """,
        refund_id,
    )
    return bool(done)


async def retry_full_later(postgres: asyncpg.Pool, payment_id: str, why: str, *, refused: bool) -> None:
    """Record a failed full refund: retry after an interval or, if refused, when staff ask for it."""
    await postgres.execute(
        f"""
        UPDATE payments SET refund_why = $2, refund_tries = refund_tries + 1,
               refund_due_at = CASE WHEN $3 THEN 'infinity'::timestamptz
                   ELSE now() + make_interval(secs => least(2 ^ least(refund_tries, 20), {RETRY_MAX_S})) END
        WHERE payment_id = $1 AND status = 'refunding'
        """,
        *(payment_id, why[:WHY_MAX], refused),
    )


async def full_refund_failed(postgres: asyncpg.Pool, payment_id: str, why: str) -> None:
    """Record that a refund of a whole payment was returned: it is owed again, once staff retry it."""
    await postgres.execute(
        "UPDATE payments SET status = 'refunding', refund_why = $2, refund_tries = refund_tries + 1, "
        "refund_due_at = 'infinity' WHERE payment_id = $1 AND status = 'refunded'",
        *(payment_id, why[:WHY_MAX]),
    )


async def retry_full(connection: Connection, reservation_id: str) -> bool:
    """Make a refused refund due now; False if there is none."""
    done = await connection.execute(
        "UPDATE payments SET refund_due_at = now(), refund_why = '' "
        "WHERE reservation_id = $1 AND status = 'refunding' AND refund_due_at > now()",
        reservation_id,
    )
    return done != "UPDATE 0"


def _refund(row: asyncpg.Record) -> Refund:
    values = list(row)[: len(Refund._fields)]
    values[5] = _read_tickets(values[5])
    return Refund(*values)
