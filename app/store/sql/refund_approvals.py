"""SQL of refunds that wait for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.store.connections import Connection, Queries


class Waiting(NamedTuple):
    """A refund that somebody asked for; `name`: of their account, if they have one."""

    amount: int
    asked_by: str
    asked_at: datetime
    name: str | None


async def over_limit(queries: Queries, reservation_ids: Sequence[str], *, whole: bool) -> list[str]:
    """Those orders of which one person may not refund all that was paid (`whole`), or not as much as the
    refunds of parts come to that are written down: many small ones are a large one."""
    rows = await queries.fetch(
        "SELECT reservation_id FROM reservations JOIN refund_limits USING (event_id) "
        "WHERE reservation_id = ANY($1) AND confirmed_at IS NOT NULL AND above < CASE WHEN $2 THEN amount "
        "ELSE (SELECT coalesce(sum(refunds.amount), 0) FROM refunds "
        "      WHERE refunds.reservation_id = reservations.reservation_id) END",
        *(list(reservation_ids), whole),
    )
    return [row[0] for row in rows]


async def amount_of(queries: Queries, reservation_id: str) -> int:
    """What an order came to, in minor units."""
    amount: int = await queries.fetchval(
        "SELECT amount FROM reservations WHERE reservation_id = $1", reservation_id
    )
    return amount


async def use(connection: Connection, reservation_id: str, amount: int, by: str) -> str | None:
    """Use up what somebody else asked for: who did, None if nobody else asked for as much. A program is no
    second person, nor is who made the key of the one that asked."""
    asked_by: str | None = await connection.fetchval(
        "DELETE FROM refund_approvals WHERE reservation_id = $1 AND amount >= $2 AND asked_by <> $3 "
        "AND NOT EXISTS (SELECT FROM api_keys WHERE key_id = $3 OR (key_id = asked_by AND made_by = $3)) "
        "RETURNING asked_by",
        *(reservation_id, amount, by),
    )
    return asked_by


async def ask(connection: Connection, reservation_id: str, amount: int, by: str) -> None:
    """Write down that somebody wants this refunded, instead of what was asked for before."""
    await connection.execute(
        "INSERT INTO refund_approvals (reservation_id, amount, asked_by) VALUES ($1, $2, $3) "
        "ON CONFLICT (reservation_id) DO UPDATE SET amount = $2, asked_by = $3, asked_at = now()",
        *(reservation_id, amount, by),
    )


async def select_waiting(queries: Queries, reservation_id: str) -> Waiting | None:
    """What waits for a second person, if anything does."""
    row = await queries.fetchrow(
        "SELECT amount, asked_by, asked_at, name FROM refund_approvals "
        "LEFT JOIN accounts ON account_id = asked_by WHERE reservation_id = $1",
        reservation_id,
    )
    return Waiting(*row) if row else None


async def limit_of(queries: Queries, event_id: str) -> int | None:
    """What one person may refund in a sale, in minor units; None: as much as was paid."""
    above: int | None = await queries.fetchval(
        "SELECT above FROM refund_limits WHERE event_id = $1", event_id
    )
    return above


class LimitAsk(NamedTuple):
    """A higher sum that somebody asked for, None for no limit; `name`: of their account, if they have one."""

    above: int | None
    asked_by: str
    asked_at: datetime
    name: str | None


async def limit_asked(queries: Queries, event_id: str) -> LimitAsk | None:
    """The higher sum that waits for a second person, if one does."""
    row = await queries.fetchrow(
        "SELECT above, asked_by, asked_at, name FROM refund_limit_asks "
        "LEFT JOIN accounts ON account_id = asked_by WHERE event_id = $1",
        event_id,
    )
    return LimitAsk(*row) if row else None


async def use_limit(connection: Connection, event_id: str, above: int | None, by: str) -> str | None:
    """Use up what somebody else asked for: who did; None if nobody else asked for just this sum."""
    asked_by: str | None = await connection.fetchval(
        "DELETE FROM refund_limit_asks WHERE event_id = $1 AND above IS NOT DISTINCT FROM $2 "
        "AND asked_by <> $3 RETURNING asked_by",
        *(event_id, above, by),
    )
    return asked_by


async def ask_limit(connection: Connection, event_id: str, above: int | None, by: str) -> None:
    """Write down that somebody wants this sum, instead of what was asked for before."""
    await connection.execute(
        "INSERT INTO refund_limit_asks (event_id, above, asked_by) VALUES ($1, $2, $3) "
        "ON CONFLICT (event_id) DO UPDATE SET above = $2, asked_by = $3, asked_at = now()",
        *(event_id, above, by),
    )


async def set_limit(connection: Connection, event_id: str, above: int | None) -> None:
    """Set it; what was asked for is over."""
    await connection.execute("DELETE FROM refund_limit_asks WHERE event_id = $1", event_id)
    await connection.execute("DELETE FROM refund_limits WHERE event_id = $1", event_id)
    if above is not None:
        await connection.execute(
            "INSERT INTO refund_limits (event_id, above) VALUES ($1, $2)", event_id, above
        )
