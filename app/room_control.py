"""What staff do to a room: make it, change it, open and close it, take a visitor out of it, look at its numbers.

Postgres first, then Redis: an answer of success is a change that survives. Should Redis be away in between, the
worker brings it there within a second of its return.
"""

from __future__ import annotations

from typing import Any, Literal

from app.core.model import EventId, Room, RoomId, RoomSettings, VisitorId
from app.store.connections import Stores
from app.waiting_room import Line

RoomAction = Literal["open", "pause", "resume", "close"]


async def create_room(
    line: Line, room_id: RoomId, settings: RoomSettings, event_id: EventId | None = None
) -> Room:
    """A new room, scheduled. Raises AlreadyExists, ValidationFailed (times out of order).

    With an `event_id` the room is for an event whose row is made next: the room comes to life when
    `refresh` is called (or within a second), so that it never runs without its stock. To make both in one
    transaction use `app.store.rooms.insert_room(connection, room_id, settings)`, then `refresh`.
    """
    raise NotImplementedError


async def configure(line: Line, room_id: RoomId, patch: dict[str, Any]) -> Room:
    """Change settings; `patch` holds the fields that were sent, JSON values. Acts on the next tick.

    Raises RoomNotFound, ValidationFailed (naming the field), QueueingMethodLocked.
    """
    raise NotImplementedError


async def set_state(line: Line, room_id: RoomId, action: RoomAction) -> Room:
    """Open, pause, resume or close. Raises RoomNotFound, Conflict when the step makes no sense."""
    raise NotImplementedError


async def refresh(stores: Stores, room_id: RoomId) -> None:
    """Bring the room in Redis up to what Postgres says: after its event was made or changed."""
    raise NotImplementedError


async def remove(line: Line, room_id: RoomId, visitor_id: VisitorId) -> None:
    """Take a visitor out of the room for ever. Raises RoomNotFound."""
    raise NotImplementedError


async def delete_room(line: Line, room_id: RoomId) -> None:
    """Forget a room whose event is gone: its row and everything in Redis."""
    raise NotImplementedError


async def room_stats(line: Line, room_id: RoomId) -> dict[str, Any]:
    """Counters and percentiles since the opening, JSON values. Raises RoomNotFound."""
    raise NotImplementedError
