"""Our payments at Stripe: the intent or session of each, and whether it is to be ended."""

from __future__ import annotations

from dataclasses import dataclass

from app.store.connections import Postgres


@dataclass(frozen=True, slots=True)
class OpenedPayment:
    """A payment opened at Stripe: its PaymentIntent, or its Checkout Session.

    `amount` is in Stripe's units of `currency`. `closed`: it must be refunded, or never be charged.
    """

    intent_id: str
    session_id: str
    amount: int
    currency: str
    closed: bool = False
    age_s: float = 0.0
    looked_at_s_ago: float = 0.0
    refund_tries: int = 0  # failed attempts to refund it in full


async def open_payment(postgres: Postgres, payment_id: str, opened: OpenedPayment) -> bool:
    """Record a payment's intent or session; False, changing nothing, if it was opened or closed before."""
    created = await postgres.fetchval(
        "INSERT INTO stripe_payments (payment_id, intent_id, session_id, amount, currency) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true",
        payment_id,
        opened.intent_id,
        opened.session_id,
        opened.amount,
        opened.currency,
    )
    return bool(created)


_OPENED = """
SELECT intent_id, session_id, amount, currency, closed,
       extract(epoch FROM now() - created_at)::float8, extract(epoch FROM now() - looked_at)::float8,
       coalesce((SELECT refund_tries FROM payments WHERE payments.payment_id = $1), 0)
FROM stripe_payments WHERE payment_id = $1
"""


async def opened(postgres: Postgres, payment_id: str) -> OpenedPayment | None:
    """The payment at Stripe; None if it was neither opened nor closed. A closed one may have no intent."""
    row = await postgres.fetchrow(_OPENED, payment_id)
    return OpenedPayment(*row) if row else None


async def close(postgres: Postgres, payment_id: str) -> OpenedPayment | None:
    """Mark that the payment must never begin, or be ended and refunded. Returns its state before; None:
    not opened."""
    row = await postgres.fetchrow(
        f"""
        WITH before AS ({_OPENED}), closed AS (
            INSERT INTO stripe_payments (payment_id, closed) VALUES ($1, true)
            ON CONFLICT (payment_id) DO UPDATE SET closed = true
        )
        SELECT * FROM before
        """,
        payment_id,
    )
    was = OpenedPayment(*row) if row else None
    return was if was is not None and (was.intent_id or was.session_id) else None


async def note_checked(postgres: Postgres, payment_id: str) -> None:
    """Record that Stripe was just asked about the payment."""
    await postgres.execute("UPDATE stripe_payments SET looked_at = now() WHERE payment_id = $1", payment_id)


async def allow_check_now(postgres: Postgres, payment_id: str) -> None:
    """Let the next check ask Stripe, however recent the last one was."""
    await postgres.execute("UPDATE stripe_payments SET looked_at = 'epoch' WHERE payment_id = $1", payment_id)


async def payment_of_intent(postgres: Postgres, intent_id: str) -> str | None:
    """Our payment that this intent belongs to, if any."""
    payment_id: str | None = await postgres.fetchval(
        "SELECT payment_id FROM stripe_payments WHERE intent_id = $1 AND intent_id <> ''", intent_id
    )
    return payment_id


# Stripe reports the total of all refunds so far, including ours; messages may arrive out of order.
_NOTE_REFUNDED = """
INSERT INTO payment_notes (message_id, payment_id, kind, amount, currency)
SELECT $1, payment_id, $3, $4, $5 FROM payments
WHERE payment_id = $2 AND status = 'succeeded' AND $4 > refunded
  AND $4 > (SELECT coalesce(max(it.amount), 0) FROM payment_notes it
            WHERE it.payment_id = payments.payment_id AND it.kind = $3)
ON CONFLICT DO NOTHING
"""


async def note_refunded(
    postgres: Postgres, message_id: str, payment_id: str, kind: str, amount: int, currency: str
) -> None:
    """Record the total refunded at Stripe, if it exceeds what is known and what we refunded."""
    await postgres.execute(_NOTE_REFUNDED, message_id, payment_id, kind, amount, currency)


async def note(
    postgres: Postgres, message_id: str, payment_id: str, kind: str, amount: int, currency: str
) -> None:
    """Record a change reported by Stripe that did not come from us: a dispute, a refund in its dashboard."""
    await postgres.execute(
        "INSERT INTO payment_notes (message_id, payment_id, kind, amount, currency) "
        "SELECT $1, payment_id, $3, $4, $5 FROM payments WHERE payment_id = $2 ON CONFLICT DO NOTHING",
        message_id,
        payment_id,
        kind,
        amount,
        currency,
    )
