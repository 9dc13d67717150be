"""How reservations end in Postgres: expired, cancelled. The row first, then Redis releases the tickets.

`released` stays false until Redis has done so: this is how the effects of a crash in between are repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from app.core.model import ReservationStatus, RoomId
from app.store.connections import Connection, Queries

EXPIRE_MAX = 1000  # rows per statement
LONG_S = 20.0
ENDED: tuple[ReservationStatus, ...] = ("expired", "cancelled")
CONFIRMED: tuple[ReservationStatus, ...] = ("confirmed",)


class EndedReservation(NamedTuple):
    """A reservation whose end Redis has yet to learn."""

    reservation_id: str
    room_id: RoomId
    status: ReservationStatus
    items: str = ""  # JSON of what a sold one keeps, if some of its tickets were cancelled


# {chosen} locks the rows that end and returns their state; counters, seats and codes are updated in the same
# statement. Seats after the counters, codes after both: this lock order is the same everywhere, so that no
# two statements deadlock.
_END = """
WITH chosen AS ({chosen}), ended AS (
    UPDATE reservations it SET status = '{status}', ended_at = now(), released = false
    FROM chosen WHERE it.reservation_id = chosen.reservation_id AND it.status = chosen.status
    RETURNING it.reservation_id, it.event_id, it.items, it.used_code AS code, it.status, chosen.status AS was
), sums AS (
    SELECT event_id, line.ticket_type_id,
           coalesce(sum(line.quantity) FILTER (WHERE was <> 'confirmed'), 0)::bigint AS held,
           coalesce(sum(line.quantity) FILTER (WHERE was = 'confirmed'), 0)::bigint AS sold
    FROM ended, jsonb_to_recordset(ended.items) AS line (ticket_type_id text, quantity bigint)
    GROUP BY 1, 2
), counted AS (
    UPDATE ticket_types it SET held = it.held - locked.held, sold = it.sold - locked.sold
    FROM (SELECT event_id, ticket_type_id, sums.held, sums.sold
          FROM ticket_types JOIN sums USING (event_id, ticket_type_id)
          ORDER BY 1, 2 FOR UPDATE OF ticket_types) AS locked
    WHERE it.event_id = locked.event_id AND it.ticket_type_id = locked.ticket_type_id
    RETURNING 1
), freed AS (
    DELETE FROM seat_holds USING ended
    WHERE seat_holds.reservation_id = ended.reservation_id AND (SELECT count(*) FROM counted) > 0
), given_back AS (
    UPDATE codes it SET used = it.used - locked.uses
    FROM (SELECT event_id, code, sums.uses FROM codes
          JOIN (SELECT event_id, code, count(*) AS uses FROM ended WHERE code IS NOT NULL
                GROUP BY 1, 2) AS sums
          USING (event_id, code)
          WHERE (SELECT count(*) FROM counted) > 0 ORDER BY 1, 2 FOR UPDATE OF codes) AS locked
    WHERE it.event_id = locked.event_id AND it.code = locked.code
){more}
SELECT ended.reservation_id, events.room_id, ended.status FROM ended JOIN events USING (event_id)
"""
# Everything charged for it, or that may still be, is refunded, and its tickets become void. Payments made
# elsewhere can only be refunded there.
_VOID = """, voided AS (
    DELETE FROM tickets USING ended WHERE tickets.reservation_id = ended.reservation_id
)"""
_REFUND = (
    """, owed AS (
    UPDATE payments SET status = 'refunding', settled_at = now() FROM ended
    WHERE payments.reservation_id = ended.reservation_id AND payments.status IN ('asked', 'succeeded')
      AND payments.gateway
)"""
    + _VOID
)

_EXPIRE_DUE = _END.format(
    chosen="""
    SELECT reservation_id, status FROM reservations WHERE status = 'held' AND expires_at <= now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED""",
    status="expired",
    more="",
)
_EXPIRE_LATE = _END.format(
    chosen="""
    SELECT reservation_id, status FROM reservations
    WHERE status = 'paying' AND reservation_id IN
          (SELECT reservation_id FROM payments WHERE payment_id = $1 AND status = 'asked')
    FOR UPDATE""",
    status="expired",
    more=_REFUND,
)
_CANCEL = _END.format(
    chosen="""
    SELECT reservation_id, status FROM reservations
    WHERE reservation_id = $1 AND status IN ('held', 'confirmed') FOR UPDATE""",
    status="cancelled",
    more=_REFUND,
)
_CANCEL_REFUNDED = _END.format(
    chosen="""
    SELECT reservation_id, status FROM reservations
    WHERE reservation_id = $1 AND status = 'confirmed' FOR UPDATE""",
    status="cancelled",
    more=_VOID,
)

# Bulk cancelling waits for no row: whoever has it locked may be waiting for another one of the batch.
_CANCEL_MANY = _END.format(
    chosen="""
    SELECT reservation_id, status FROM reservations
    WHERE reservation_id = ANY($1) AND status IN ('held', 'confirmed')
    ORDER BY reservation_id FOR UPDATE SKIP LOCKED""",
    status="cancelled",
    more=_REFUND,
)


async def expire_due(postgres: asyncpg.Pool, limit: int = EXPIRE_MAX) -> list[EndedReservation]:
    """End expired holds, the oldest first. Several workers may do this at once."""
    return [EndedReservation(*row) for row in await postgres.fetch(_EXPIRE_DUE, limit)]


async def expire_late(postgres: asyncpg.Pool, payment_id: str) -> list[EndedReservation]:
    """End a reservation whose payment succeeded after its hold had expired; the payment is refunded.

    Empty: the payment was no longer open.
    """
    return [EndedReservation(*row) for row in await postgres.fetch(_EXPIRE_LATE, payment_id)]


async def cancel(queries: Queries, reservation_id: str) -> list[EndedReservation]:
    """Cancel a hold or a purchase; empty if its state does not allow it."""
    return [EndedReservation(*row) for row in await queries.fetch(_CANCEL, reservation_id)]


async def cancel_refunded(queries: Queries, reservation_id: str) -> list[EndedReservation]:
    """Cancel a purchase whose payment is refunded separately, as far as it is."""
    return [EndedReservation(*row) for row in await queries.fetch(_CANCEL_REFUNDED, reservation_id)]


async def cancel_many(connection: Connection, reservation_ids: Sequence[str]) -> list[EndedReservation]:
    """Cancel those that can be cancelled and that nobody else has locked."""
    return [
        EndedReservation(*row)
        for row in await connection.fetch(_CANCEL_MANY, reservation_ids, timeout=LONG_S)
    ]


async def mark_released(
    postgres: asyncpg.Pool, reservation_ids: Sequence[str], statuses: Sequence[ReservationStatus]
) -> None:
    """Mark that Redis knows these `statuses`; rows that have changed since stay unmarked.

    So do sold reservations with cancelled tickets: `refunds.mark_shrunk` compares what is left of them.
    """
    await postgres.execute(
        "UPDATE reservations SET released = true WHERE reservation_id = ANY($1) AND status = ANY($2) "
        "AND (status <> 'confirmed' OR cancelled_items IS NULL)",
        reservation_ids,
        statuses,
    )


async def unreleased(
    postgres: asyncpg.Pool, older_than_s: float, limit: int = EXPIRE_MAX
) -> list[EndedReservation]:
    """Ended or confirmed reservations that Redis may not know about yet.

    Excludes rooms that are not in Redis: loading one covers all of them.
    """
    rows = await postgres.fetch(
        """
        SELECT reservation_id, room_id, reservations.status,
               CASE WHEN status = 'confirmed' AND cancelled_items IS NOT NULL THEN items::text ELSE '' END
        FROM reservations JOIN events USING (event_id) JOIN rooms USING (room_id)
        WHERE unloaded_at IS NULL AND status IN ('cancelled', 'expired', 'confirmed') AND NOT released
          AND coalesce(ended_at, confirmed_at) < now() - make_interval(secs => $1)
        LIMIT $2
        """,
        older_than_s,
        limit,
    )
    return [EndedReservation(*row) for row in rows]
