"""SQL of rooms at rest: which of them need a worker nevertheless, and which are not in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.core.model import RoomId
from app.store.connections import Queries


class UnloadedRoom(NamedTuple):
    """What is still known about a room that was unloaded from Redis."""

    version: int
    epoch: int
    serving_position: int
    numbers_reserved: int
    opened_at: datetime | None
    free: int | None  # free tickets; None: there is no event
    waiting: int
    generation: str


async def select_changed(queries: Queries, within_s: float) -> dict[RoomId, int]:
    """The versions of rooms created or changed recently, except those not in Redis."""
    rows = await queries.fetch(
        "SELECT room_id, version FROM rooms WHERE changed_at > now() - make_interval(secs => $1) "
        "AND NOT (unloaded_at IS NOT NULL AND state = 'closed')",
        within_s,
    )
    return {row["room_id"]: row["version"] for row in rows}


async def select_due(queries: Queries, within_s: float) -> set[RoomId]:
    """The rooms with a scheduled time that is soon or overdue."""
    rows = await queries.fetch(
        """
        SELECT room_id FROM rooms, (SELECT now() + make_interval(secs => $1) AS at) AS soon
        WHERE state <> 'closed' AND (
            closes_at < soon.at
            OR opens_at < soon.at AND state IN ('scheduled', 'prequeue')
            OR prequeue_at < soon.at AND state = 'scheduled')
        """,
        within_s,
    )
    return {row["room_id"] for row in rows}


async def select_to_unload(queries: Queries, closed_s: float, limit: int) -> list[RoomId]:
    """Loaded rooms that have been closed that long; in random order, so that each gets its turn."""
    rows = await queries.fetch(
        "SELECT room_id FROM rooms WHERE state = 'closed' AND unloaded_at IS NULL "
        "AND closed_at < now() - make_interval(secs => $1) ORDER BY random() LIMIT $2",
        closed_s,
        limit,
    )
    return [row["room_id"] for row in rows]


async def keep_counted(
    queries: Queries, room_id: RoomId, epoch: int, serving_position: int, counted: Sequence[int], waiting: int
) -> bool:
    """Store the counters of a room about to be unloaded; False: Postgres is missing more than these."""
    kept = await queries.fetchval(
        "UPDATE rooms SET counted = $4, waiting_unloaded = $5 "
        "WHERE room_id = $1 AND epoch = $2 AND serving_position >= $3 RETURNING true",
        *(room_id, epoch, serving_position, counted, waiting),
    )
    return bool(kept)


async def mark_unloaded(queries: Queries, room_id: RoomId, epoch: int) -> bool:
    """Mark the room as not in Redis; False: it was loaded again meanwhile."""
    marked = await queries.fetchval(
        "UPDATE rooms SET unloaded_at = now() WHERE room_id = $1 AND epoch = $2 AND state = 'closed' "
        "RETURNING true",
        room_id,
        epoch,
    )
    return bool(marked)


async def select_unloaded(queries: Queries, room_id: RoomId) -> UnloadedRoom | None:
    """What is known of an unloaded room; None if it is loaded or does not exist."""
    row = await queries.fetchrow(
        """
        SELECT version, epoch, serving_position, numbers_reserved, opened_at,
               (SELECT sum(total - held - sold)::bigint FROM ticket_types JOIN events USING (event_id)
                WHERE events.room_id = rooms.room_id),
               waiting_unloaded, generation
        FROM rooms WHERE room_id = $1 AND unloaded_at IS NOT NULL AND state = 'closed'
        """,
        room_id,
    )
    return UnloadedRoom(*row) if row else None
