"""SQL of the counts at the gates of rooms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from app.core.model import RoomId
from app.store.connections import Queries

FORMER = "bypassed former"  # by rules that no longer exist


class OutcomeCount(NamedTuple):
    """How many requests had an outcome, and when the first and the last did, to the second."""

    outcome: str
    requests: int
    first_at: datetime
    last_at: datetime


async def add(queries: Queries, counted: Mapping[RoomId, Mapping[str, int]]) -> None:
    """Add to the counts of rooms; counts of a room deleted meanwhile are dropped."""
    rows = [
        (room_id, outcome, count) for room_id, counts in counted.items() for outcome, count in counts.items()
    ]
    await queries.execute(
        """
        WITH room AS (SELECT room_id FROM rooms WHERE room_id = ANY($1) ORDER BY room_id FOR KEY SHARE)
        INSERT INTO gate_counts AS was (room_id, outcome, count, first_at, last_at)
        SELECT room.room_id, it.outcome, it.count, now(), now()
        FROM room JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS it (room_id, outcome, count)
            USING (room_id)
        ORDER BY room.room_id, it.outcome
        ON CONFLICT (room_id, outcome) DO UPDATE SET
            count = was.count + excluded.count, last_at = excluded.last_at
        """,
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def select(queries: Queries, room_id: RoomId) -> list[OutcomeCount]:
    """The counts of a room."""
    rows = await queries.fetch(
        "SELECT outcome, count, first_at, last_at FROM gate_counts WHERE room_id = $1", room_id
    )
    return [OutcomeCount(*row) for row in rows]


async def fold_rules(queries: Queries, room_id: RoomId, kept: Collection[str]) -> None:
    """Merge the counts of all rules but these, so that they stay few however often rules change."""
    await queries.execute(
        """
        WITH former AS (
            DELETE FROM gate_counts WHERE room_id = $1 AND outcome LIKE 'bypassed rule-%'
                AND NOT outcome = ANY($2) RETURNING *
        )
        INSERT INTO gate_counts AS was (room_id, outcome, count, first_at, last_at)
        SELECT room_id, $3, sum(count), min(first_at), max(last_at) FROM former GROUP BY room_id
        ON CONFLICT (room_id, outcome) DO UPDATE SET
            count = was.count + excluded.count, last_at = GREATEST(was.last_at, excluded.last_at)
        """,
        room_id,
        [f"bypassed {it}" for it in kept],
        FORMER,
    )
