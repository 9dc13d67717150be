"""SQL of visitor events: written to the outbox, each once, with the progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.model import RoomId
from app.store.connections import Connection


class End(NamedTuple):
    """The last entry of the room's stream that is in the outbox, and how many dropped events were
    reported."""

    entry_id: str
    dropped: int


async def select_end(connection: Connection, room_id: RoomId) -> End | None:
    """How far the room's events are in the outbox; None at the start."""
    row = await connection.fetchrow(
        "SELECT entry_id, dropped FROM visitor_event_ends WHERE room_id = $1", room_id
    )
    return End(*row) if row else None


async def insert_events(connection: Connection, room_id: RoomId, subjects: Sequence[str]) -> None:
    """Insert one outbox row for all of these; each is WORD VISITOR NUMBER MS."""
    await connection.execute(
        "INSERT INTO outbox (type, subjects, data) SELECT 'visitor', $2, "
        "jsonb_build_object('room_id', room_id, 'event_id', event_id) "
        "FROM rooms LEFT JOIN events USING (room_id) WHERE room_id = $1",
        room_id,
        subjects,
    )


async def insert_dropped(connection: Connection, room_id: RoomId, count: int) -> None:
    """Report how many events were dropped."""
    await connection.execute(
        "INSERT INTO outbox (type, subjects, data) SELECT 'room.visitor_events_dropped', ARRAY[room_id], "
        "jsonb_build_object('room_id', room_id, 'event_id', event_id, 'dropped', $2::bigint) "
        "FROM rooms LEFT JOIN events USING (room_id) WHERE room_id = $1",
        room_id,
        count,
    )


async def note_end(connection: Connection, room_id: RoomId, end: End) -> None:
    """Store the progress."""
    await connection.execute(
        "INSERT INTO visitor_event_ends (room_id, entry_id, dropped) "
        "SELECT room_id, $2, $3 FROM rooms WHERE room_id = $1 "
        "ON CONFLICT (room_id) DO UPDATE SET entry_id = excluded.entry_id, dropped = excluded.dropped",
        room_id,
        *end,
    )
