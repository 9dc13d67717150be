"""SQL of payments: one row per attempt, and the statement that turns a paid hold into tickets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import asyncpg

from app.core.clock import to_ms
from app.core.model import ReservationStatus, RoomId
from app.store.connections import POSTGRES_AWAY, Queries

PaymentStatus = Literal["asked", "succeeded", "declined", "failed", "refunding", "refunded"]
OPEN_MAX = 200  # payments processed per round


class Attempt(NamedTuple):
    """One payment attempt by the buyer."""

    payment_id: str
    reservation_id: str
    fingerprint: str
    method: str
    token: str


class Bill(NamedTuple):
    """What to charge through the gateway."""

    amount: int
    currency: str
    expires_at_ms: int


class PaymentState(NamedTuple):
    """An attempt's state; `reservation` is the state of what it pays for."""

    payment_id: str
    reservation_id: str
    fingerprint: str
    status: PaymentStatus
    reservation: ReservationStatus
    expires_at_ms: int
    age_s: float


class ConfirmedReservation(NamedTuple):
    """A reservation that was just confirmed."""

    reservation_id: str
    room_id: RoomId


# Of several attempts for one hold the first takes it. Rows are locked in a fixed order to avoid deadlocks.
_TAKE = """
WITH made AS (
    SELECT DISTINCT ON (reservation_id) it.*
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
         AS it (payment_id, reservation_id, fingerprint, method, token, nr)
    WHERE NOT EXISTS (SELECT FROM payments WHERE payments.payment_id = it.payment_id)
    ORDER BY reservation_id, nr
), locked AS (
    SELECT reservation_id FROM reservations JOIN made USING (reservation_id)
    WHERE status = 'held' AND expires_at > now() AND {on} ORDER BY reservation_id
    FOR UPDATE OF reservations{skip}
), taken AS (
    UPDATE reservations it SET status = 'paying' FROM locked JOIN made USING (reservation_id)
    WHERE it.reservation_id = locked.reservation_id
    RETURNING made.*, it.amount, it.currency, it.expires_at
), asked AS (
    INSERT INTO payments (payment_id, reservation_id, fingerprint, method, token, amount, status)
    SELECT payment_id, reservation_id, fingerprint, method, token, amount, 'asked' FROM taken
)
SELECT payment_id, amount, currency, expires_at FROM taken
"""
# A cancelled sale refunds what was sold by then, so nothing may be sold afterwards.
_SALE_IS_ON = (
    "NOT EXISTS (SELECT FROM events WHERE events.event_id = reservations.event_id "
    "AND cancelled_at IS NOT NULL)"
)
_BEGIN = _TAKE.format(on=_SALE_IS_ON, skip="")
_BEGIN_UNLOCKED = _TAKE.format(on=_SALE_IS_ON, skip=" SKIP LOCKED")

_TAKE_WITHOUT_GATEWAY = f"""
WITH taken AS (
    UPDATE reservations SET status = 'paying'
    WHERE reservation_id = $2 AND status = 'held' AND expires_at > now()
      AND ($4 <> 'free' OR amount = 0)  -- nothing is given away, whoever asks
      AND {_SALE_IS_ON}
    RETURNING reservation_id, amount
)
INSERT INTO payments (payment_id, reservation_id, fingerprint, method, token, amount, status, gateway)
SELECT $1, reservation_id, $3, $4, $5, amount, 'asked', false FROM taken
RETURNING payment_id
"""
_IS_FOR_MONEY = """
SELECT status IN ('held', 'paying') AND expires_at > now()
       AND NOT coalesce((rooms.settings ->> 'test')::boolean, false)
FROM reservations JOIN events USING (event_id) JOIN rooms USING (room_id) WHERE reservation_id = $1
"""
_OFFERED = """
SELECT coalesce((rooms.settings ->> 'test')::boolean, false), payments
FROM reservations JOIN events USING (event_id) JOIN rooms USING (room_id) WHERE reservation_id = $1
"""

# Paid: updates the row, the payment, the counters, the tickets, and ends the session where the room says so.
_SELL = """
WITH confirmed AS (
    UPDATE reservations it SET status = 'confirmed', confirmed_at = now(), released = false
    FROM payments WHERE payments.payment_id = ANY($1) AND payments.status = 'asked'
      AND it.reservation_id = payments.reservation_id AND it.status = 'paying'{more}
    RETURNING it.reservation_id, it.event_id, it.visitor_id, it.items, payments.payment_id
), paid AS (
    UPDATE payments SET status = 'succeeded', settled_at = now()
    FROM confirmed WHERE payments.payment_id = confirmed.payment_id
), lines AS (
    SELECT reservation_id, event_id, visitor_id, line.ticket_type_id, line.quantity, line.seat_ids
    FROM confirmed, jsonb_to_recordset(confirmed.items)
         AS line (ticket_type_id text, quantity bigint, seat_ids jsonb)
), counted AS (
    UPDATE ticket_types it SET held = it.held - locked.quantity, sold = it.sold + locked.quantity
    FROM (SELECT event_id, ticket_type_id, sums.quantity
          FROM ticket_types JOIN (SELECT event_id, ticket_type_id, sum(quantity)::bigint AS quantity
                                  FROM lines GROUP BY 1, 2) AS sums USING (event_id, ticket_type_id)
          ORDER BY 1, 2 FOR UPDATE OF ticket_types) AS locked
    WHERE it.event_id = locked.event_id AND it.ticket_type_id = locked.ticket_type_id
), made AS (
    INSERT INTO tickets (ticket_id, reservation_id, ticket_type_id, seat_id, code)
    SELECT replace(gen_random_uuid()::text, '-', ''), reservation_id, ticket_type_id,
           seat_ids ->> (nr - 1)::int, upper(replace(gen_random_uuid()::text, '-', ''))
    FROM lines, generate_series(1, quantity) AS nr
), bought AS (
    SELECT event_id, visitor_id, sum(quantity) AS now,
           (SELECT coalesce(sum(line.quantity), 0)
            FROM reservations before, jsonb_to_recordset(before.items) AS line (quantity bigint)
            WHERE before.event_id = lines.event_id AND before.visitor_id = lines.visitor_id
              AND before.status = 'confirmed') AS earlier
    FROM lines GROUP BY event_id, visitor_id
), done AS (
    UPDATE sessions SET ended_at = now()
    FROM bought JOIN events USING (event_id) JOIN rooms USING (room_id)
    WHERE sessions.room_id = rooms.room_id AND sessions.visitor_id = bought.visitor_id
      AND sessions.ended_at IS NULL AND sessions.expires_at > now()
      AND (coalesce((rooms.settings ->> 'session_ends_on_confirm')::boolean, true)
           OR bought.now + bought.earlier >= events.max_tickets_per_visitor)
)
SELECT confirmed.reservation_id, events.room_id FROM confirmed JOIN events USING (event_id)
"""
_CONFIRM = _SELL.format(more="")
# The hold has expired, and its tickets belong to the queue. If as many others are free, the queue needs none
# of them: returning and taking again amounts to keeping them. They are still held, so nothing is oversold.
_CONFIRM_LATE = _SELL.format(
    more="""
      AND NOT EXISTS (
          SELECT FROM jsonb_to_recordset(it.items) AS line (ticket_type_id text, quantity bigint)
          LEFT JOIN ticket_types ON ticket_types.event_id = it.event_id
                                AND ticket_types.ticket_type_id = line.ticket_type_id
          WHERE (total - held - sold >= quantity) IS NOT TRUE)"""
)

_GIVE_UP = """
WITH given_up AS (
    UPDATE reservations it SET status = 'held'
    FROM payments WHERE payments.payment_id = $1 AND payments.status = 'asked'
      AND it.reservation_id = payments.reservation_id AND it.status = 'paying'
    RETURNING payments.payment_id
)
UPDATE payments SET status = $2, settled_at = now() FROM given_up
WHERE payments.payment_id = given_up.payment_id
"""

_STATE = """
SELECT payment_id, reservation_id, payments.fingerprint, payments.status,
       reservations.status AS reservation, reservations.expires_at,
       extract(epoch FROM now() - payments.created_at)::float8 AS age_s
FROM payments JOIN reservations USING (reservation_id)
"""


async def begin(
    postgres: asyncpg.Pool, attempts: Sequence[Attempt], *, skip_locked: bool = False
) -> dict[str, Bill]:
    """Take the holds for these attempts: `paying`, until the gateway has answered.

    Returns the bills by payment_id, of those that took something. `skip_locked` ignores rows locked by
    others, so that nobody waits for a stranger's hold.
    """
    try:
        rows = await postgres.fetch(_BEGIN_UNLOCKED if skip_locked else _BEGIN, *zip(*attempts, strict=True))
    except asyncpg.UniqueViolationError:  # another process is inserting one of them right now
        return await _begin_each(postgres, attempts, skip_locked) if len(attempts) > 1 else {}
    return {row[0]: Bill(row["amount"], row["currency"], to_ms(row["expires_at"])) for row in rows}


async def _begin_each(
    postgres: asyncpg.Pool, attempts: Sequence[Attempt], skip_locked: bool
) -> dict[str, Bill]:
    bills: dict[str, Bill] = {}
    for attempt in attempts:
        try:
            bills |= await begin(postgres, [attempt], skip_locked=skip_locked)
        except POSTGRES_AWAY:
            if not bills:
                raise
            break  # charge what was begun; the others check their state
    return bills


async def begin_without_gateway(queries: Queries, attempt: Attempt) -> bool:
    """Begin a payment without a gateway; returns whether there was a hold to pay for.

    To be confirmed in the same transaction.
    """
    return bool(await queries.fetch(_TAKE_WITHOUT_GATEWAY, *attempt))


async def costs_money(postgres: asyncpg.Pool, reservation_id: str) -> bool:
    """Whether it is a hold that costs real money."""
    return bool(await postgres.fetchval(_IS_FOR_MONEY, reservation_id))


async def offered(postgres: asyncpg.Pool, reservation_id: str) -> tuple[bool, list[str]]:
    """Whether its room is a `test`, where nothing is charged, and the gateways offered; empty: all."""
    is_test, names = await postgres.fetchrow(_OFFERED, reservation_id) or (False, [])
    return is_test, names


async def confirm(queries: Queries, payment_ids: Sequence[str]) -> list[ConfirmedReservation]:
    """Confirm the reservations that these attempts paid for in time, if they were still waiting for it."""
    return [ConfirmedReservation(*row) for row in await queries.fetch(_CONFIRM, payment_ids)]


async def confirm_late(postgres: asyncpg.Pool, payment_id: str) -> list[ConfirmedReservation]:
    """Confirm a reservation paid for after its hold had expired, if as many other tickets are free."""
    return [ConfirmedReservation(*row) for row in await postgres.fetch(_CONFIRM_LATE, [payment_id])]


async def give_up(postgres: asyncpg.Pool, payment_id: str, status: Literal["declined", "failed"]) -> None:
    """Nothing was charged: turn the reservation back into a hold for its remaining time."""
    await postgres.execute(_GIVE_UP, payment_id, status)


async def refunds_owed(postgres: asyncpg.Pool, reservation_id: str) -> list[str]:
    """The payments of a reservation that must be refunded."""
    rows = await postgres.fetch(
        "SELECT payment_id FROM payments WHERE reservation_id = $1 AND status = 'refunding'", reservation_id
    )
    return [row["payment_id"] for row in rows]


async def mark_refunded(postgres: asyncpg.Pool, payment_id: str) -> None:
    """Record that the gateway refunded the payment, or never charged it."""
    await postgres.execute(
        "UPDATE payments SET status = 'refunded', settled_at = now() "
        "WHERE payment_id = $1 AND status = 'refunding'",
        payment_id,
    )


async def state(postgres: asyncpg.Pool, payment_id: str) -> PaymentState | None:
    """The attempt's state; None if there is no such attempt."""
    row = await postgres.fetchrow(f"{_STATE} WHERE payment_id = $1", payment_id)
    return _payment(row) if row else None


async def is_processed(postgres: asyncpg.Pool, message_id: str) -> bool:
    """Whether a gateway's message was processed before."""
    return bool(await postgres.fetchval("SELECT 1 FROM gateway_messages WHERE message_id = $1", message_id))


async def mark_processed(postgres: asyncpg.Pool, message_id: str) -> None:
    """Record that a gateway's message was processed."""
    await postgres.execute(
        "INSERT INTO gateway_messages (message_id) VALUES ($1) ON CONFLICT DO NOTHING", message_id
    )


async def unsettled(postgres: asyncpg.Pool, older_than_s: float) -> list[PaymentState]:
    """Attempts without an outcome, and payments that must be refunded."""
    rows = await postgres.fetch(
        f"{_STATE} WHERE payments.status IN ('asked', 'refunding') AND payments.refund_due_at <= now() "
        "AND payments.created_at < now() - make_interval(secs => $1) ORDER BY payments.created_at LIMIT $2",
        older_than_s,
        OPEN_MAX,
    )
    return [_payment(row) for row in rows]


def _payment(row: asyncpg.Record) -> PaymentState:
    return PaymentState(
        row["payment_id"],
        row["reservation_id"],
        row["fingerprint"],
        row["status"],
        row["reservation"],
        to_ms(row["expires_at"]),
        row["age_s"],
    )
