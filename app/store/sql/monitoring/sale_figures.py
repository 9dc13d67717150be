"""SQL of the key figures of one sale, for staff."""

from __future__ import annotations

from typing import NamedTuple

from app.core.model import EventId
from app.store.connections import Queries

LONG_S = 20.0


class Buyers(NamedTuple):
    """The number of confirmed orders, and of buyers that a message reaches."""

    orders: int = 0
    reached: int = 0


class Income(NamedTuple):
    """The total of confirmed orders in one currency."""

    currency: str
    amount: int


async def select_buyers(queries: Queries, event_id: EventId) -> Buyers:
    """Count the confirmed orders of an event, and the buyers that `job_lists.list_buyers` would find."""
    row = await queries.fetchrow(
        """
        SELECT count(*), count(DISTINCT (visitor_id, email)) FILTER (WHERE email IS NOT NULL) FROM (
            SELECT reservations.visitor_id, lower(coalesce(buyers.email, mailboxes.email)) AS email
            FROM reservations JOIN events USING (event_id)
            LEFT JOIN buyers ON buyers.reservation_id = reservations.reservation_id AND buyers.email <> ''
            LEFT JOIN mailboxes ON mailboxes.room_id = events.room_id
                               AND mailboxes.visitor_id = reservations.visitor_id
            WHERE reservations.event_id = $1 AND status = 'confirmed') AS confirmed
        """,
        event_id,
        timeout=LONG_S,
    )
    return Buyers(*row) if row else Buyers()


async def select_income(queries: Queries, event_id: EventId) -> list[Income]:
    """The totals of the event's confirmed orders."""
    rows = await queries.fetch(
        "SELECT currency, sum(amount)::bigint FROM reservations "
        "WHERE event_id = $1 AND status = 'confirmed' GROUP BY currency ORDER BY currency",
        event_id,
        timeout=LONG_S,
    )
    return [Income(*row) for row in rows]
