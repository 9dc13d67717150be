"""Places that were taken over with a code, kept as long as place tokens live."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import RoomId, VisitorId
from app.store.connections import Queries


async def insert_carried(
    queries: Queries, room_id: RoomId, from_id: VisitorId, to_id: VisitorId, number: int
) -> None:
    """Record that the place with this number now belongs to another visitor; repeating it changes nothing.

    It may return to a former owner; then it has not ended.
    """
    await queries.execute(
        """
        WITH room AS (SELECT room_id FROM rooms WHERE room_id = $1 FOR KEY SHARE),
        given AS (UPDATE carried_places SET ended = true
            WHERE room_id = $1 AND visitor_id = $2 AND queue_number = $4),
        ended AS (DELETE FROM ended_places WHERE room_id = $1 AND visitor_id = $3 AND queue_number = $4)
        INSERT INTO carried_places (room_id, visitor_id, queue_number) SELECT room_id, $3, $4 FROM room
        ON CONFLICT (room_id, visitor_id, queue_number) DO UPDATE SET ended = false
        """,
        room_id,
        from_id,
        to_id,
        number,
    )


async def select_carried(
    queries: Queries, room_id: RoomId, places: Sequence[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Those of these places (visitor, number) that were carried to their visitor and have not ended."""
    rows = await queries.fetch(
        """
        SELECT visitor_id, queue_number FROM carried_places AS it
        JOIN unnest($2::text[], $3::bigint[]) AS asked (visitor_id, queue_number)
            USING (visitor_id, queue_number)
        WHERE room_id = $1 AND NOT ended AND NOT EXISTS (SELECT FROM sessions WHERE sessions.room_id = $1
            AND sessions.visitor_id = it.visitor_id AND sessions.queue_number = it.queue_number)
        """,
        room_id,
        [visitor_id for visitor_id, _ in places],
        [number for _, number in places],
    )
    return {(row["visitor_id"], row["queue_number"]) for row in rows}
