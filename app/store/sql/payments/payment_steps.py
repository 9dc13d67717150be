"""SQL of payments that continue on another site: where, and how long their hold waits for it."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg


class NextStep(NamedTuple):
    """Where a buyer continues a payment; both are empty if the gateway needs nothing from them."""

    continue_url: str
    client_secret: str


NOTHING_TO_DO = NextStep("", "")

# The buyer continues elsewhere. The hold is extended once to allow time for it; later attempts for the same
# hold get what is left of that.
_HAND_OVER = """
WITH paying AS (
    UPDATE reservations it
    SET pay_until = coalesce(pay_until, greatest(expires_at, now() + make_interval(secs => $4))),
        expires_at = coalesce(pay_until, greatest(expires_at, now() + make_interval(secs => $4)))
    FROM payments WHERE payments.payment_id = $1 AND payments.status = 'asked'
      AND it.reservation_id = payments.reservation_id AND it.status = 'paying'
    RETURNING payments.payment_id
)
UPDATE payments SET continue_url = $2, client_secret = $3 FROM paying
WHERE payments.payment_id = paying.payment_id
"""


async def hand_over(postgres: asyncpg.Pool, payment_id: str, step: NextStep, within_s: int) -> None:
    """Store where the buyer continues, and give them `within_s` for it, counted from the first such
    payment."""
    await postgres.execute(_HAND_OVER, payment_id, *step, within_s)


async def under_way(postgres: asyncpg.Pool, reservation_id: str) -> tuple[str, NextStep] | None:
    """The payment of a reservation without an outcome yet, and where its buyer continues."""
    row = await postgres.fetchrow(
        "SELECT payment_id, continue_url, client_secret FROM payments "
        "WHERE reservation_id = $1 AND status = 'asked'",
        reservation_id,
    )
    return (row[0], NextStep(row[1], row[2])) if row else None
