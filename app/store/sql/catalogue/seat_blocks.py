"""SQL of blocked seats: rows of `seat_holds` without a reservation, and the totals affected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.model import EventId
from app.store.connections import Connection, Queries

LONG_S = 60.0  # statements that read all blocked seats of an event

# The types are locked before: `total` is what is on sale.
_COUNT = """
     counted AS (SELECT seat_id, ticket_type_id FROM changed JOIN seats USING (seat_id) WHERE event_id = $1),
     totals AS (UPDATE ticket_types SET total = total + {by} * many, blocked = blocked - {by} * many
                FROM (SELECT ticket_type_id, count(*) AS many FROM counted GROUP BY 1) AS sums
                WHERE event_id = $1 AND ticket_types.ticket_type_id = sums.ticket_type_id)
SELECT seat_id, ticket_type_id FROM counted
"""
_BLOCK = f"""
WITH changed AS (INSERT INTO seat_holds (event_id, seat_id, kept_as)
                 SELECT $1, seat_id, $3 FROM unnest($2::text[]) AS seat_id ORDER BY seat_id
                 ON CONFLICT DO NOTHING RETURNING seat_id),
{_COUNT.format(by=-1)}
"""
_RELEASE = f"""
WITH changed AS (DELETE FROM seat_holds WHERE event_id = $1 AND seat_id = ANY($2) AND kept_as IS NOT NULL
                 RETURNING seat_id),
{_COUNT.format(by=1)}
"""


class KeptSeat(NamedTuple):
    """A seat kept off sale by staff; `kept_as`: blocked or house."""

    seat_id: str
    ticket_type_id: str
    kept_as: str


async def lock_types(connection: Connection, event_id: EventId, seat_ids: Sequence[str]) -> set[str]:
    """Lock the ticket types of these seats, before the seats; returns the seats that exist."""
    rows = await connection.fetch(
        "SELECT seat_id, ticket_type_id FROM seats WHERE event_id = $1 AND seat_id = ANY($2)",
        event_id,
        seat_ids,
    )
    await connection.execute(
        "SELECT FROM ticket_types WHERE event_id = $1 AND ticket_type_id = ANY($2) "
        "ORDER BY ticket_type_id FOR UPDATE",
        event_id,
        list({row["ticket_type_id"] for row in rows}),
    )
    return {row["seat_id"] for row in rows}


async def block(
    connection: Connection, event_id: EventId, seat_ids: Sequence[str], kept_as: str
) -> dict[str, str]:
    """Block those that are free; returns seat -> ticket type of those not blocked before."""
    await connection.execute(
        "UPDATE seat_holds SET kept_as = $3 "
        "WHERE event_id = $1 AND seat_id = ANY($2) AND kept_as IS NOT NULL",
        event_id,
        seat_ids,
        kept_as,
    )
    rows = await connection.fetch(_BLOCK, event_id, seat_ids, kept_as)
    return {row["seat_id"]: row["ticket_type_id"] for row in rows}


async def release(connection: Connection, event_id: EventId, seat_ids: Sequence[str]) -> dict[str, str]:
    """Put blocked seats back on sale; returns seat -> ticket type of those that were blocked."""
    rows = await connection.fetch(_RELEASE, event_id, seat_ids)
    return {row["seat_id"]: row["ticket_type_id"] for row in rows}


async def select_kept(
    queries: Queries, event_id: EventId, seat_ids: Sequence[str] | None = None
) -> list[KeptSeat]:
    """The blocked ones among these seats, or of all; in the order of the hall."""
    rows = await queries.fetch(
        "SELECT seat_id, ticket_type_id, kept_as FROM seat_holds JOIN seats USING (event_id, seat_id) "
        "WHERE event_id = $1 AND kept_as IS NOT NULL AND ($2::text[] IS NULL OR seat_id = ANY($2)) "
        "ORDER BY ticket_type_id, row_number, number",
        event_id,
        seat_ids,
        timeout=LONG_S,
    )
    return [KeptSeat(*row) for row in rows]
