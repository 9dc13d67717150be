"""The waiting room, as visitors meet it: join, place, claim, leave, status.

Every answer is decided by one script; callers of the same turn of the event loop share it. What staff do to a
room is in `room_control.py`.
"""

from __future__ import annotations

import msgspec

from app.core.model import Place, PlaceClaims, Room, RoomId, RoomStatus, VisitorId
from app.settings import Settings
from app.store.connections import Stores


class Joining(msgspec.Struct, frozen=True):
    """Who wants in. `known`: what their place token says, if they sent one. `address` "": not throttled."""

    visitor_id: VisitorId
    known: PlaceClaims | None = None
    address: str = ""


class Line:
    """One process's end of the waiting rooms; made by `open_line`."""


def open_line(stores: Stores, settings: Settings) -> Line:
    """The line of this process; call it inside the running event loop. Nothing to close."""
    raise NotImplementedError


async def join(line: Line, room_id: RoomId, joining: Joining) -> tuple[Place, RoomStatus]:
    """The place they have, or a new one (`Place.new`). The token to hand out carries `Place.token_number`.

    Raises RateLimited, RoomNotFound, RoomNotOpen, RoomClosed, RoomSoldOut, RemovedByStaff, StoreUnavailable.
    """
    raise NotImplementedError


async def place(line: Line, room_id: RoomId, claims: PlaceClaims) -> tuple[Place, RoomStatus]:
    """The exact place, also how it ended if that is less than an hour ago (state done, left, removed ...).

    Raises RateLimited, RoomNotFound, PlaceNotFound, StoreUnavailable.
    """
    raise NotImplementedError


async def claim(line: Line, room_id: RoomId, claims: PlaceClaims) -> tuple[Place, RoomStatus]:
    """Start the session of a called visitor, or tell the one they have: `session_expires_at_ms` is the token's
    `exp` * 1000, the same each time; `Place.new` when this call started it (201). Waiting and prequeue come
    back as they are (202).

    Raises NoShow, SessionExpired, LeftTheLine, SessionDone, RemovedFromLine, PlaceNotFound, RoomNotFound,
    Restoring, RateLimited, StoreUnavailable.
    """
    raise NotImplementedError


async def leave(line: Line, room_id: RoomId, claims: PlaceClaims) -> None:
    """Leave the line, or end the session; a second time changes nothing. Raises RoomNotFound."""
    raise NotImplementedError


async def status(line: Line, room_id: RoomId) -> tuple[Room, RoomStatus]:
    """The room as Postgres has it and its live numbers. Raises RoomNotFound, StoreUnavailable.

    `RoomStatus` is the truth for state, serving position and whether the room has opened; the `Room` is kept
    in memory and read again when its version or epoch changed.
    """
    raise NotImplementedError


async def rooms(line: Line, public_only: bool) -> list[tuple[Room, RoomStatus]]:
    """All rooms, or the public ones, by room_id."""
    raise NotImplementedError
