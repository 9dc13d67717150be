"""SQL of refunds awaiting a second person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.store.connections import Connection, Queries


class RequestedRefund(NamedTuple):
    """A requested refund; `name`: of the requester's account, if there is one."""

    amount: int
    asked_by: str
    asked_at: datetime
    name: str | None


async def over_limit(queries: Queries, reservation_ids: Sequence[str], *, full: bool) -> list[str]:
    """The orders among these for which the amount exceeds what one person may refund: everything paid
    (`full`), or the sum of the partial refunds so far, because many small refunds make a large one."""
    rows = await queries.fetch(
        "SELECT reservation_id FROM reservations JOIN refund_limits USING (event_id) "
        "WHERE reservation_id = ANY($1) AND confirmed_at IS NOT NULL AND above < CASE WHEN $2 THEN amount "
        "ELSE (SELECT coalesce(sum(refunds.amount), 0) FROM refunds "
        "      WHERE refunds.reservation_id = reservations.reservation_id) END",
        *(list(reservation_ids), full),
    )
    return [row[0] for row in rows]


async def amount_of(queries: Queries, reservation_id: str) -> int:
    """The amount of an order, in minor units."""
    amount: int = await queries.fetchval(
        "SELECT amount FROM reservations WHERE reservation_id = $1", reservation_id
    )
    return amount


async def use(connection: Connection, reservation_id: str, amount: int, by: str) -> str | None:
    """Use up somebody else's request: returns who made it, None if nobody else requested as much. An API
    key does not count as a second person, nor does the creator of the requesting key."""
    asked_by: str | None = await connection.fetchval(
        "DELETE FROM refund_approvals WHERE reservation_id = $1 AND amount >= $2 AND asked_by <> $3 "
        "AND NOT EXISTS (SELECT FROM api_keys WHERE key_id = $3 OR (key_id = asked_by AND made_by = $3)) "
        "RETURNING asked_by",
        *(reservation_id, amount, by),
    )
    return asked_by


async def request(connection: Connection, reservation_id: str, amount: int, by: str) -> None:
    """Record a request for this refund, replacing an earlier one."""
    await connection.execute(
        "INSERT INTO refund_approvals (reservation_id, amount, asked_by) VALUES ($1, $2, $3) "
        "ON CONFLICT (reservation_id) DO UPDATE SET amount = $2, asked_by = $3, asked_at = now()",
        *(reservation_id, amount, by),
    )


async def select_waiting(queries: Queries, reservation_id: str) -> RequestedRefund | None:
    """The refund that awaits a second person, if any."""
    row = await queries.fetchrow(
        "SELECT amount, asked_by, asked_at, name FROM refund_approvals "
        "LEFT JOIN accounts ON account_id = asked_by WHERE reservation_id = $1",
        reservation_id,
    )
    return RequestedRefund(*row) if row else None


async def limit_of(queries: Queries, event_id: str) -> int | None:
    """The amount one person may refund in a sale, in minor units; None: unlimited."""
    above: int | None = await queries.fetchval(
        "SELECT above FROM refund_limits WHERE event_id = $1", event_id
    )
    return above


class LimitRequest(NamedTuple):
    """A requested higher limit, None for no limit; `name`: of the requester's account, if there is one."""

    above: int | None
    asked_by: str
    asked_at: datetime
    name: str | None


async def requested_limit(queries: Queries, event_id: str) -> LimitRequest | None:
    """The higher limit that awaits a second person, if any."""
    row = await queries.fetchrow(
        "SELECT above, asked_by, asked_at, name FROM refund_limit_asks "
        "LEFT JOIN accounts ON account_id = asked_by WHERE event_id = $1",
        event_id,
    )
    return LimitRequest(*row) if row else None


async def use_limit(connection: Connection, event_id: str, above: int | None, by: str) -> str | None:
    """Use up somebody else's request: returns who made it; None if nobody else requested exactly this
    limit."""
    asked_by: str | None = await connection.fetchval(
        "DELETE FROM refund_limit_asks WHERE event_id = $1 AND above IS NOT DISTINCT FROM $2 "
        "AND asked_by <> $3 RETURNING asked_by",
        *(event_id, above, by),
    )
    return asked_by


async def request_limit(connection: Connection, event_id: str, above: int | None, by: str) -> None:
    """Record a request for this limit, replacing an earlier one."""
    await connection.execute(
        "INSERT INTO refund_limit_asks (event_id, above, asked_by) VALUES ($1, $2, $3) "
        "ON CONFLICT (event_id) DO UPDATE SET above = $2, asked_by = $3, asked_at = now()",
        *(event_id, above, by),
    )


async def set_limit(connection: Connection, event_id: str, above: int | None) -> None:
    """Set the limit and discard any request."""
    await connection.execute("DELETE FROM refund_limit_asks WHERE event_id = $1", event_id)
    await connection.execute("DELETE FROM refund_limits WHERE event_id = $1", event_id)
    if above is not None:
        await connection.execute(
            "INSERT INTO refund_limits (event_id, above) VALUES ($1, $2)", event_id, above
        )
