"""A visitor's place, for every surface: looked up, or derived from their token if far from the front."""

from __future__ import annotations

from app.core.errors import StoreUnavailable
from app.core.model import RoomId, RoomStatus
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.far_places import far_place, status_without_redis
from app.waiting_room import queue
from app.waiting_room.room_script import Answer
from app.web.http.routes import App


async def place_of(app: App, room_id: RoomId, claims: PlaceClaims) -> Answer:
    """The visitor's exact place, as `queue.place`; in a room with `exact_within` and far from the front an
    approximate one, which takes no store and is therefore available without Redis, too.

    Raises what `queue.place` raises.
    """
    room = await app.queues.loaded_rooms.get(room_id)
    if room.settings.exact_within is not None:
        now = await _status(app, room_id)
        room = app.queues.loaded_rooms.peek(room_id, now) or room  # the settings may be newer
        if (found := far_place(room.settings, claims, now)) is not None:
            return found, now
    return await queue.place(app.queues, room_id, claims)


async def _status(app: App, room_id: RoomId) -> RoomStatus:
    """The status shown to everybody, at most a second old; without Redis the last known one."""
    try:
        return (await app.status_board.current(room_id)).status
    except StoreUnavailable:
        last = app.status_board.last(room_id)
        return (
            last.status
            if last is not None
            else status_without_redis(await app.queues.loaded_rooms.get(room_id))
        )
