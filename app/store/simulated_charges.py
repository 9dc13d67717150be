"""The books of the simulated gateway. A charge is never changed, only refunded."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from app.core.clock import from_ms, to_ms


class BookedCharge(NamedTuple):
    """A charge as the gateway has it."""

    approved: bool
    refunded: bool
    settles_at_ms: int
    settled: bool


async def book(
    postgres: asyncpg.Pool, payment_id: str, amount: int, approved: bool, settles_at_ms: int
) -> None:
    """Charge once: a payment that is in the books stays as it is. 0 settles now."""
    await postgres.execute(
        "INSERT INTO simulated_charges (payment_id, amount, approved, settles_at) "
        "VALUES ($1, $2, $3, coalesce($4, now())) ON CONFLICT DO NOTHING",
        payment_id,
        amount,
        approved,
        from_ms(settles_at_ms),
    )


async def look_up(postgres: asyncpg.Pool, payment_id: str) -> BookedCharge | None:
    """The charge, None when there is none."""
    row = await postgres.fetchrow(
        "SELECT approved, refunded_at IS NOT NULL, settles_at, settles_at <= now() "
        "FROM simulated_charges WHERE payment_id = $1",
        payment_id,
    )
    return BookedCharge(row[0], row[1], to_ms(row[2]), row[3]) if row else None


async def refund(postgres: asyncpg.Pool, payment_id: str) -> None:
    """Give the money back; a payment that was never charged cannot be charged any more."""
    await postgres.execute(
        "INSERT INTO simulated_charges (payment_id, amount, approved, settles_at, refunded_at) "
        "VALUES ($1, 0, false, now(), now()) ON CONFLICT (payment_id) "
        "DO UPDATE SET refunded_at = coalesce(simulated_charges.refunded_at, now())",
        payment_id,
    )
