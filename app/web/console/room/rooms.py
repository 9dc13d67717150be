"""The console's first page: all sales with their live figures. Rooms without a sale are in `sites`."""

from __future__ import annotations

import msgspec
from quart import Response

from app.core.model import Room, RoomStatus
from app.waiting_room import room_lists
from app.web.console.frame import console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.render import respond


class RoomsPage(msgspec.Struct, frozen=True):
    """One page of sales, those not yet closed first."""

    staff: Staff
    rooms: list[tuple[Room, RoomStatus]]
    total: int
    number: int
    more: bool
    to_page: str
    archived: bool  # whether this lists the archive
    stored: int  # size of the archive
    at_door: frozenset[str] = frozenset()  # rooms for which the viewer may open only the door


@console_page("/admin", section="Sales", of_sales=True)
async def rooms(request: Request, staff: Staff) -> Response:
    """List the sales."""
    fields, queues = filters_of(request), request.app.queues
    number, archived = page_number(fields), "archive" in fields
    grants = staff.account.grants
    only = None if grants is None else sorted(it.room_id for it in grants.given)
    listed = await room_lists.page(
        queues,
        False,
        of_event=True,
        archived=archived,
        only=only,
        limit=PER_PAGE,
        offset=(number - 1) * PER_PAGE,
    )
    total = await room_lists.count(queues, False, of_event=True, archived=archived, only=only)
    stored = await room_lists.count(queues, False, of_event=True, archived=True, only=only)
    more, address = number * PER_PAGE < total, to_page(request, fields)
    door = frozenset(it.room_id for it in grants.given if it.sale_role == "door") if grants else frozenset()
    document = RoomsPage(staff, listed, total, number, more, address, archived, stored, door)
    return respond("console/rooms.html", document)
