"""The books of the simulated gateway. A charge is never changed, only refunded."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from app.core.clock import from_ms, to_ms
from app.core.payments.refunds import Refund


class BookedCharge(NamedTuple):
    """A charge in the gateway's books."""

    approved: bool
    refunded: bool
    settles_at_ms: int
    settled: bool


_BOOK = """
WITH booked AS (
    INSERT INTO simulated_charges (payment_id, amount, approved, settles_at)
    VALUES ($1, $2, $3, coalesce($4, now())) ON CONFLICT DO NOTHING
    RETURNING approved, settles_at
)
SELECT approved, false, settles_at, settles_at <= now() FROM booked
"""


async def book(
    postgres: asyncpg.Pool, payment_id: str, amount: int, approved: bool, settles_at_ms: int
) -> BookedCharge | None:
    """Charge once; `settles_at_ms` 0 settles now. None: the payment is booked already, and left unchanged."""
    row = await postgres.fetchrow(_BOOK, payment_id, amount, approved, from_ms(settles_at_ms))
    return _booked(row) if row else None


async def look_up(postgres: asyncpg.Pool, payment_id: str) -> BookedCharge | None:
    """The charge, or None."""
    row = await postgres.fetchrow(
        "SELECT approved, refunded_at IS NOT NULL, settles_at, settles_at <= now() "
        "FROM simulated_charges WHERE payment_id = $1",
        payment_id,
    )
    return _booked(row) if row else None


async def refund(postgres: asyncpg.Pool, payment_id: str) -> None:
    """Refund a payment; one never charged can no longer be charged."""
    await postgres.execute(
        "INSERT INTO simulated_charges (payment_id, amount, approved, settles_at, refunded_at) "
        "VALUES ($1, 0, false, now(), now()) ON CONFLICT (payment_id) "
        "DO UPDATE SET refunded_at = coalesce(simulated_charges.refunded_at, now())",
        payment_id,
    )


async def refund_part(postgres: asyncpg.Pool, refund: Refund) -> bool:
    """Refund a part, once per id. False: that much was not charged, or is refunded already."""
    done = await postgres.fetchval(
        """
        UPDATE simulated_charges SET refunds = refunds || jsonb_build_object($2::text, $3::bigint)
        WHERE payment_id = $1 AND approved AND (refunds ? $2 OR refunded_at IS NULL
            AND $3 + (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(refunds)) <= amount)
        RETURNING true
        """,
        *(refund.payment_id, refund.refund_id, refund.amount),
    )
    return bool(done)


def _booked(row: asyncpg.Record) -> BookedCharge:
    return BookedCharge(row[0], row[1], to_ms(row[2]), row[3])
