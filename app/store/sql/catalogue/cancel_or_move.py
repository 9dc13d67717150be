"""SQL of sales that are cancelled or moved: who is affected, and the progress of refunds."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.model import Event, EventId
from app.store.connections import Connection, Queries

LONG_S = 60.0


class AffectedOrders(NamedTuple):
    """What cancelling would end, or what remains of it. Amounts are in minor units, by currency.

    `outside`: not paid through the gateway, to be refunded elsewhere.
    """

    confirmed: int
    held: int
    tickets: int
    refunds: dict[str, int]
    outside: dict[str, int]


class RefundSums(NamedTuple):
    """The progress of an event's refunds, in one currency."""

    currency: str
    done: int
    under_way: int
    refused: int


class RefusedRefund(NamedTuple):
    """A refund refused by the gateway."""

    reservation_id: str
    amount: int
    currency: str
    why: str


async def update(connection: Connection, event: Event) -> None:
    """Write the event's start, and whether it was moved or cancelled."""
    await connection.execute(
        "UPDATE events SET starts_at = $2, cancelled_at = $3, moved_from = $4, refund_until = $5, "
        "notice = $6, revision = revision + 1 WHERE event_id = $1",
        *(event.event_id, event.starts_at, event.cancelled_at, event.moved_from, event.refund_until),
        event.notice,
    )


async def affected(postgres: asyncpg.Pool, event_id: EventId) -> AffectedOrders:
    """The live orders of an event. Reads all of them."""
    row = await postgres.fetchrow(
        """
        SELECT count(*) FILTER (WHERE status = 'confirmed'), count(*) FILTER (WHERE status <> 'confirmed'),
               (SELECT count(*) FROM tickets JOIN reservations USING (reservation_id) WHERE event_id = $1)
        FROM reservations WHERE event_id = $1 AND status IN ('held', 'paying', 'confirmed')
        """,
        event_id,
        timeout=LONG_S,
    )
    sums = await postgres.fetch(
        """
        SELECT currency, gateway, sum(payments.amount - payments.refunded)::bigint
        FROM reservations JOIN payments USING (reservation_id)
        WHERE event_id = $1 AND reservations.status = 'confirmed' AND payments.status = 'succeeded'
        GROUP BY 1, 2 HAVING sum(payments.amount - payments.refunded) > 0 ORDER BY 1
        """,
        event_id,
        timeout=LONG_S,
    )
    assert row is not None
    confirmed, held, tickets = row
    return AffectedOrders(
        confirmed,
        held,
        tickets,
        {it[0]: it[2] for it in sums if it["gateway"]},
        {it[0]: it[2] for it in sums if not it["gateway"]},
    )


async def refund_sums(postgres: asyncpg.Pool, event_id: EventId) -> list[RefundSums]:
    """The progress of all refunds of an event."""
    rows = await postgres.fetch(
        """
        SELECT currency, coalesce(sum(amount) FILTER (WHERE state = 'done'), 0)::bigint,
               coalesce(sum(amount) FILTER (WHERE state = 'owed'), 0)::bigint,
               coalesce(sum(amount) FILTER (WHERE state = 'failed'), 0)::bigint
        FROM (
            SELECT reservations.currency, payments.amount - payments.refunded AS amount,
                   CASE WHEN payments.status = 'refunded' THEN 'done'
                        WHEN refund_due_at = 'infinity' THEN 'failed' ELSE 'owed' END AS state
            FROM payments JOIN reservations USING (reservation_id)
            WHERE event_id = $1 AND payments.status IN ('refunding', 'refunded')
            UNION ALL
            SELECT refunds.currency, refunds.amount, state
            FROM refunds JOIN reservations USING (reservation_id) WHERE event_id = $1
        ) AS it WHERE amount > 0 GROUP BY 1 ORDER BY 1
        """,
        event_id,
        timeout=LONG_S,
    )
    return [RefundSums(*row) for row in rows]


_REFUSED = """
FROM (
    SELECT reservation_id, payments.amount - payments.refunded AS amount, reservations.currency,
           refund_why AS why, payments.created_at
    FROM payments JOIN reservations USING (reservation_id)
    WHERE event_id = $1 AND payments.status = 'refunding' AND refund_due_at = 'infinity'
    UNION ALL
    SELECT reservation_id, refunds.amount, refunds.currency, why, refunds.created_at
    FROM refunds JOIN reservations USING (reservation_id) WHERE event_id = $1 AND state = 'failed'
) AS it
"""


async def refused(postgres: asyncpg.Pool, event_id: EventId, limit: int) -> tuple[list[RefusedRefund], int]:
    """Refunds refused by the gateway, oldest first, and how many there are."""
    rows = await postgres.fetch(
        f"SELECT reservation_id, amount, currency, why {_REFUSED} ORDER BY created_at LIMIT $2",
        *(event_id, limit),
        timeout=LONG_S,
    )
    total: int = await postgres.fetchval(f"SELECT count(*) {_REFUSED}", event_id, timeout=LONG_S)
    return [RefusedRefund(*row) for row in rows], total


async def retry_all(connection: Connection, event_id: EventId) -> int:
    """Make refused refunds of whole orders due again; returns how many."""
    done = await connection.execute(
        """
        UPDATE payments SET refund_due_at = now(), refund_why = '' FROM reservations
        WHERE reservations.reservation_id = payments.reservation_id AND event_id = $1
          AND payments.status = 'refunding' AND refund_due_at = 'infinity'
        """,
        event_id,
        timeout=LONG_S,
    )
    return int(done.rpartition(" ")[2])


async def own_cancelling(queries: Queries, reservation_id: str) -> tuple[datetime | None, bool]:
    """Until when the buyer of a sold order can cancel it, None: without limit; and whether they cannot any
    more, because a ticket of it was checked in or given away."""
    row = await queries.fetchrow(
        "SELECT CASE WHEN cancelled_at IS NULL THEN refund_until END, EXISTS ("
        "SELECT FROM tickets LEFT JOIN check_ins USING (ticket_id) "
        "WHERE tickets.reservation_id = reservations.reservation_id "
        "AND (check_ins.ticket_id IS NOT NULL OR transferred_at IS NOT NULL)) "
        "FROM reservations JOIN events USING (event_id) WHERE reservation_id = $1 AND status = 'confirmed'",
        reservation_id,
    )
    return (row[0], row[1]) if row else (None, False)


async def is_cancelled(queries: Queries, reservation_id: str) -> bool:
    """Whether the sale of a reservation is cancelled."""
    cancelled: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM reservations JOIN events USING (event_id) "
        "WHERE reservation_id = $1 AND cancelled_at IS NOT NULL)",
        reservation_id,
    )
    return cancelled
