"""The console's first page: all rooms with their live numbers."""

from __future__ import annotations

import msgspec
from quart import Response

from app import waiting_room
from app.core.model import Room, RoomStatus
from app.web.console import console_page
from app.web.console_staff import Staff
from app.web.http import Request
from app.web.page_render import respond


class RoomsPage(msgspec.Struct, frozen=True):
    """All rooms."""

    staff: Staff
    rooms: list[tuple[Room, RoomStatus]]


@console_page("/admin", section="Sales")
async def rooms(request: Request, staff: Staff) -> Response:
    """The rooms."""
    found = await waiting_room.rooms(request.app.line, public_only=False)
    return respond("console/rooms.html", RoomsPage(staff, found))
