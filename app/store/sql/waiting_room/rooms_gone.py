"""SQL of deleted and reset rooms, and of what Redis may still hold of them."""

from __future__ import annotations

from typing import NamedTuple

from app.core.model import RoomId
from app.store.connections import Connection, Queries

# Data left by a room's visitors; other tables hold settings of the room, which survive a reset.
OF_VISITORS = (
    "calls",
    "drawn_places",
    "sessions",
    "removed_visitors",
    "ended_places",
    "carried_places",
    "mails",
    "mailboxes",
    "enqueue_tokens",
    "members",
    "identities",
    "gate_counts",
    "room_history",
    "visitor_event_ends",
)
EMPTYING_S = 60.0  # per table: a large site's room may have had millions of sessions


class GoneRoom(NamedTuple):
    """A room that Redis may still have; a new one of that name has another generation."""

    room_id: RoomId
    generation: str


async def note_gone(connection: Connection, room: GoneRoom) -> None:
    """Record that it must be removed from Redis."""
    await connection.execute(
        "INSERT INTO rooms_gone (room_id, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING", *room
    )


async def select_gone(queries: Queries, room_id: RoomId | None, limit: int) -> list[GoneRoom]:
    """Some of the rooms to be removed from Redis, or those of one name."""
    rows = await queries.fetch(
        "SELECT room_id, generation FROM rooms_gone WHERE $1::text IS NULL OR room_id = $1 "
        "ORDER BY gone_at LIMIT $2",
        room_id,
        limit,
    )
    return [GoneRoom(RoomId(row["room_id"]), row["generation"]) for row in rows]


async def delete_gone(queries: Queries, room: GoneRoom) -> None:
    """Record that Redis holds nothing of it any longer."""
    await queries.execute("DELETE FROM rooms_gone WHERE room_id = $1 AND generation = $2", *room)


async def empty_room(connection: Connection, room_id: RoomId, seed: bytes) -> str:
    """Replace the room by a new one with the same settings and state; returns its generation.

    The epoch restarts, so no earlier place is restored. An open room opens once more, with a full bucket.
    """
    for table in OF_VISITORS:
        await connection.execute(f"DELETE FROM {table} WHERE room_id = $1", room_id, timeout=EMPTYING_S)
    generation: str = await connection.fetchval(
        """
        UPDATE rooms SET generation = DEFAULT, seed = $2, version = version + 1, epoch = 0,
            serving_position = 0, numbers_reserved = 0, draw_first = 0, draw_last = 0, opened_at = NULL,
            lane_serving = '{}',
            sold_out = false, seen_ms = 0, counted = NULL, unloaded_at = NULL, waiting_unloaded = 0,
            draw_root = NULL, draw_round = NULL, draw_signature = NULL
        WHERE room_id = $1 RETURNING generation
        """,
        room_id,
        seed,
    )
    return generation
