"""SQL of claimed turns and of restoring a room: nobody gets a second turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from app.core.clock import from_ms, to_ms
from app.core.model import Place, RoomId, VisitorId
from app.store.connections import Queries
from app.store.scripts.restoring import RestorePoint, SessionRecord

CHUNK = 1_000  # rows per script call
POINT = """
    WITH was AS (SELECT * FROM rooms WHERE room_id = $1 FOR UPDATE),
    claimed AS (
        SELECT lane_of(visitor_id) AS lane, max(queue_number) AS n FROM sessions WHERE room_id = $1 GROUP BY 1
    ),
    served AS (SELECT GREATEST(was.serving_position, (SELECT n FROM claimed WHERE lane = 0)) AS n FROM was),
    lanes AS (
        SELECT string_agg(GREATEST(was.lane_serving[lane], claimed.n, 0)::text, ' ' ORDER BY lane) AS serving
        FROM was, generate_series(1, 7) AS lane LEFT JOIN claimed USING (lane)
    ),
    drawn AS (
        SELECT max(queue_number) AS n FROM drawn_places, was
        WHERE drawn_places.room_id = $1 AND queue_number BETWEEN was.draw_first AND was.draw_last
    ),
    settled AS (
        SELECT COALESCE(max(serving_position) FILTER (WHERE called_at <= now() - make_interval(secs => $2)),
            CASE WHEN count(*) = 0 THEN (SELECT n FROM served) ELSE 0 END) AS n
        FROM calls WHERE room_id = $1
    )
    UPDATE rooms SET epoch = was.epoch + 1, numbers_reserved = was.numbers_reserved + $3, unloaded_at = NULL
    FROM was, served, lanes, drawn, settled WHERE rooms.room_id = $1
    RETURNING rooms.epoch, was.numbers_reserved AS last_number, rooms.numbers_reserved,
        served.n AS serving_position, was.draw_first,
        CASE WHEN was.unloaded_at IS NULL THEN settled.n ELSE served.n END AS settled,
        COALESCE(drawn.n + 1, was.draw_first) AS draw_next, was.draw_last,
        COALESCE(array_to_string(was.counted, ' '), '') AS counted, lanes.serving AS lane_serving
"""


async def insert_sessions(
    queries: Queries, room_id: RoomId, generation: str, epoch: int, places: Sequence[Place]
) -> bool:
    """Insert claimed turns of this epoch; existing ones are left unchanged.

    False: nothing was inserted, because a later epoch has begun, or the room has been deleted. The lock holds
    off `next_epoch`, so that a restore reads all sessions that were inserted.
    """
    found: bool = await queries.fetchval(
        "WITH room AS ("
        "SELECT room_id FROM rooms WHERE room_id = $1 AND generation = $5 AND epoch <= $6 FOR SHARE"
        "), inserted AS ("
        "INSERT INTO sessions (room_id, visitor_id, queue_number, expires_at) "
        "SELECT room.room_id, it.* FROM room, unnest($2::text[], $3::bigint[], $4::timestamptz[]) AS it "
        "ON CONFLICT DO NOTHING) SELECT EXISTS (SELECT FROM room)",
        room_id,
        [place.visitor_id for place in places],
        [place.queue_number for place in places],
        [from_ms(place.session_expires_at_ms) for place in places],
        generation,
        epoch,
    )
    return found


async def end_sessions(queries: Queries, room_id: RoomId, visitor_id: VisitorId) -> None:
    """Record that the visitor's session ended early."""
    await queries.execute(
        "UPDATE sessions SET ended_at = now() "
        "WHERE room_id = $1 AND visitor_id = $2 AND ended_at IS NULL AND expires_at > now()",
        room_id,
        visitor_id,
    )


async def end_session(queries: Queries, room_id: RoomId, visitor_id: VisitorId, number: int) -> bool:
    """Record that this session ended early; False: there never was one."""
    row = await queries.fetchrow(
        "UPDATE sessions SET ended_at = COALESCE(ended_at, LEAST(now(), expires_at)) "
        "WHERE room_id = $1 AND visitor_id = $2 AND queue_number = $3 RETURNING 1",
        room_id,
        visitor_id,
        number,
    )
    return row is not None


async def renew_sessions(
    queries: Queries, room_id: RoomId, renewed: Sequence[tuple[VisitorId, int, int]]
) -> None:
    """Store new ends (ms) of renewed sessions, as (visitor, number, end)."""
    await queries.execute(
        "UPDATE sessions SET expires_at = it.ends_at "
        "FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) AS it (visitor_id, queue_number, ends_at) "
        "WHERE sessions.room_id = $1 AND sessions.visitor_id = it.visitor_id "
        "AND sessions.queue_number = it.queue_number AND sessions.expires_at < it.ends_at",
        room_id,
        [it[0] for it in renewed],
        [it[1] for it in renewed],
        [from_ms(it[2]) for it in renewed],
    )


async def began_at(queries: Queries, room_id: RoomId, visitor_id: VisitorId, number: int) -> datetime | None:
    """When a session was claimed; None if there never was one."""
    began: datetime | None = await queries.fetchval(
        "SELECT began_at FROM sessions WHERE room_id = $1 AND visitor_id = $2 AND queue_number = $3",
        room_id,
        visitor_id,
        number,
    )
    return began


async def insert_removed(queries: Queries, room_id: RoomId, visitor_id: VisitorId) -> bool:
    """Record that staff removed the visitor; False if that was known, or there is no such room."""
    row = await queries.fetchrow(
        "INSERT INTO removed_visitors (room_id, visitor_id) "
        "SELECT room_id, $2 FROM rooms WHERE room_id = $1 FOR KEY SHARE "  # it may have just been deleted
        "ON CONFLICT DO NOTHING RETURNING visitor_id",
        room_id,
        visitor_id,
    )
    return row is not None


async def next_epoch(
    queries: Queries, room_id: RoomId, *, claim_window_s: int, block: int
) -> RestorePoint | None:
    """Start a new epoch with a block of numbers above all old ones. None: there is no such room.

    The queue continues at the recorded serving position, or a claimed number above it. The claim windows of
    calls up to `settled` are over; in a room that was unloaded all are.
    """
    row = await queries.fetchrow(POINT, room_id, claim_window_s, block)
    return RestorePoint(**row) if row else None


async def recent_sessions(queries: Queries, room_id: RoomId) -> AsyncIterator[list[SessionRecord]]:
    """Sessions that are running or ended within the last hour, in chunks."""
    after, last = datetime.min.replace(tzinfo=UTC), ""
    while True:
        rows = await queries.fetch(
            "SELECT visitor_id, queue_number, expires_at, ended_at, began_at FROM sessions "
            "WHERE room_id = $1 AND expires_at > now() - interval '1 hour' "
            "AND (expires_at, visitor_id) > ($2, $3) "
            "AND NOT (LEAST(ended_at, expires_at) <= now() AND EXISTS ("  # who got another place since
            "SELECT FROM carried_places AS it WHERE it.room_id = $1 AND it.visitor_id = sessions.visitor_id "
            "AND it.queue_number < sessions.queue_number AND NOT it.ended)) "
            "ORDER BY expires_at, visitor_id LIMIT $4",
            room_id,
            after,
            last,
            CHUNK,
        )
        if not rows:
            return
        after, last = rows[-1]["expires_at"], rows[-1]["visitor_id"]
        yield [
            SessionRecord(
                row["visitor_id"],
                row["queue_number"],
                *(to_ms(row[it]) for it in ("expires_at", "ended_at", "began_at")),
            )
            for row in rows
        ]


async def removed_visitors(queries: Queries, room_id: RoomId) -> AsyncIterator[list[str]]:
    """Visitors that staff removed, in chunks."""
    after = ""
    while True:
        rows = await queries.fetch(
            "SELECT visitor_id FROM removed_visitors WHERE room_id = $1 AND visitor_id > $2 "
            "ORDER BY visitor_id LIMIT $3",
            room_id,
            after,
            CHUNK,
        )
        if not rows:
            return
        yield [row["visitor_id"] for row in rows]
        after = rows[-1]["visitor_id"]
