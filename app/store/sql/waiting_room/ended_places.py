"""How places ended, kept as long as place tokens live."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import RoomId
from app.store.connections import Queries
from app.store.scripts.restoring import EndingRecord


async def insert_ended(queries: Queries, room_id: RoomId, endings: Sequence[EndingRecord]) -> None:
    """Store how these places ended, the latest per visitor; without sessions, whose own rows record it."""
    await queries.execute(
        """
        WITH room AS (SELECT room_id FROM rooms WHERE room_id = $1 FOR KEY SHARE),
        carried AS (UPDATE carried_places AS it SET ended = true
            FROM unnest($2::text[], $4::bigint[]) AS gone (visitor_id, queue_number)
            WHERE it.room_id = $1 AND it.visitor_id = gone.visitor_id AND it.queue_number = gone.queue_number)
        INSERT INTO ended_places AS was (room_id, visitor_id, ended_as, queue_number)
        SELECT room.room_id, it.visitor_id, it.ended_as, it.queue_number
        FROM room, unnest($2::text[], $3::text[], $4::bigint[]) AS it (visitor_id, ended_as, queue_number)
        WHERE NOT EXISTS (SELECT FROM sessions WHERE sessions.room_id = $1
            AND sessions.visitor_id = it.visitor_id AND sessions.queue_number = it.queue_number)
        ORDER BY it.visitor_id
        ON CONFLICT (room_id, visitor_id) DO UPDATE SET
            ended_as = excluded.ended_as, queue_number = excluded.queue_number
        WHERE was.queue_number < excluded.queue_number
        """,
        room_id,
        [it.visitor_id for it in endings],
        [it.word for it in endings],
        [it.number for it in endings],
    )


async def select_ended(queries: Queries, room_id: RoomId, visitor_ids: Sequence[str]) -> list[EndingRecord]:
    """How the last ended place of each of these visitors ended."""
    rows = await queries.fetch(
        """
        SELECT DISTINCT ON (visitor_id) visitor_id, ended_as, queue_number FROM (
            SELECT visitor_id, ended_as, queue_number FROM ended_places
            WHERE room_id = $1 AND visitor_id = ANY($2)
            UNION ALL
            SELECT visitor_id, CASE WHEN ended_at IS NULL THEN 'expired' ELSE 'done' END, queue_number
            FROM sessions
            WHERE room_id = $1 AND visitor_id = ANY($2) AND (ended_at IS NOT NULL OR expires_at <= now())
        ) AS it ORDER BY visitor_id, queue_number DESC
        """,
        room_id,
        visitor_ids,
    )
    return [EndingRecord(*row) for row in rows]
