"""SQL of rooms that are deleted or reset, and of what Redis may still have of them."""

from __future__ import annotations

from typing import NamedTuple

from app.core.model import RoomId
from app.store.connections import Connection, Queries

# What a room's visitors left behind; what is not here is a setting of the room, and stays when it is reset.
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
EMPTYING_S = 60.0  # for one table: a site's room may have had millions of sessions


class Gone(NamedTuple):
    """A room that Redis may still have; another one of that name is of another generation."""

    room_id: RoomId
    generation: str


async def note_gone(connection: Connection, gone: Gone) -> None:
    """Remember that it has to be taken out of Redis."""
    await connection.execute(
        "INSERT INTO rooms_gone (room_id, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING", *gone
    )


async def select_gone(queries: Queries, room_id: RoomId | None, limit: int) -> list[Gone]:
    """Some of the rooms that have to be taken out of Redis, or those of one name."""
    rows = await queries.fetch(
        "SELECT room_id, generation FROM rooms_gone WHERE $1::text IS NULL OR room_id = $1 "
        "ORDER BY gone_at LIMIT $2",
        room_id,
        limit,
    )
    return [Gone(RoomId(row["room_id"]), row["generation"]) for row in rows]


async def delete_gone(queries: Queries, gone: Gone) -> None:
    """Redis has nothing of it."""
    await queries.execute("DELETE FROM rooms_gone WHERE room_id = $1 AND generation = $2", *gone)


async def empty_room(connection: Connection, room_id: RoomId, seed: bytes) -> str:
    """Make the room a new one with the same settings and in the same state; its generation.

    Its first epoch comes next, so no place of before is put back. An open one opens once more, with a full
    bucket.
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
