"""How places ended: what Redis tells of it for an hour, and the SQL of what is kept while tokens live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.model import RoomId
from app.store.connections import Queries, RedisClient
from app.store.keys import RoomKeys
from app.store.scripts.admission import EndingRecord


async def kept_until(redis: RedisClient, keys: RoomKeys) -> int:
    """Up to when (ms) endings of the room are in Postgres."""
    client: Any = redis
    return int(await client.hget(keys.meter, "kept_ms") or 0)


async def note_kept(redis: RedisClient, keys: RoomKeys, until_ms: int) -> None:
    """Endings up to then are in Postgres. Of two workers either may write last: keeping twice is harmless."""
    client: Any = redis
    await client.hset(keys.meter, "kept_ms", until_ms)


async def ended_since(
    redis: RedisClient, keys: RoomKeys, since_ms: int, offset: int, limit: int
) -> tuple[list[EndingRecord], int]:
    """A page of what ended since, the oldest first, and when its last did; 0: the page is empty.

    Without places that had no number yet: before the draw, joining again gives the same one.
    """
    client: Any = redis
    page = await client.zrange(
        keys.ended, since_ms, "+inf", byscore=True, offset=offset, num=limit, withscores=True
    )
    if not page:
        return [], 0
    visitors = [visitor_id for visitor_id, _ in page]
    found = [
        EndingRecord(visitor_id, *_parts(text))
        for visitor_id, text in zip(visitors, await client.hmget(keys.endings, visitors), strict=True)
        if text is not None
    ]
    return [it for it in found if it.number > 0], int(page[-1][1])


def _parts(text: str) -> tuple[str, int]:
    word, _, number = text.partition("|")
    return word, int(number)


async def insert_ended(queries: Queries, room_id: RoomId, endings: Sequence[EndingRecord]) -> None:
    """Keep how these places ended, of each visitor the latest; without sessions, whose rows tell it."""
    await queries.execute(
        """
        WITH room AS (SELECT room_id FROM rooms WHERE room_id = $1 FOR KEY SHARE)
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
    """How the last place of each of these ended that did."""
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
