"""Reads what a visitor's queue page is made from, and remembers where their progress began."""

from __future__ import annotations

from quart import Response

from app.core.model import Place, Room, RoomId
from app.core.waiting_room.members import is_member, lane_in
from app.web.documents.waiting_room import place_document
from app.web.gate.addresses import allowed
from app.web.http.cookies import cookies
from app.web.http.routes import Request
from app.web.pages.room.queue_document import QueueView
from app.web.pages.visitors import place_of, requested_cookies, requested_return, visitor_of

BEGAN_COOKIE = (
    "fairgate_began_"  # + room_id: `queue number.position it was first seen at`; also set by queue.js
)
BEGAN_COOKIE_S = 86_400


def progress_start_of(request: Request, room: Room, place: Place) -> int:
    """The position from which this visitor's progress is measured; 0 if the number is new."""
    number, _, began = cookies(request, BEGAN_COOKIE + room.room_id).get("", "").partition(".")
    seen_before = number == str(place.queue_number) and began.isascii() and began.isdigit()
    return min(int(began), place.queue_number or 0) if seen_before and len(began) <= 15 else 0


def remember_progress_start(response: Response, request: Request, view: QueueView, position: int) -> None:
    """Remember where the progress began. Scripts write it, too, so it is not HttpOnly; it grants nothing."""
    if view.place is None or not position or view.began:
        return
    response.set_cookie(
        BEGAN_COOKIE + view.room.room_id,
        f"{view.place.queue_number}.{position}",
        max_age=BEGAN_COOKIE_S,
        path=f"/rooms/{view.room.room_id}",
        samesite="Lax",
        secure=request.is_secure(),
    )


async def read_queue_view(request: Request, room_id: RoomId) -> QueueView:
    """Read everything a queue page is made from. Raises RoomNotFound, RateLimited, StoreUnavailable."""
    rendered = await request.app.status_board.current(room_id)
    claims = visitor_of(request, room_id)
    current = await place_of(request, room_id, claims) if claims else None
    place, status = current or (None, rendered.status)
    room = await request.app.queues.loaded_rooms.at_version(room_id, status)
    rate = room.settings.admission_rate_per_minute
    return QueueView(
        room=room,
        status=status,
        place=place,
        event=None,
        status_document=rendered.document,
        place_document=place_document(room_id, place, status, rate, "") if place else None,
        began=progress_start_of(request, room, place) if place else 0,
        return_to=allowed(requested_return(request), room.settings),
        cookies_needed=claims is None and requested_cookies(request) == "needed",
        known=claims is not None,
        member=claims is not None and is_member(claims.visitor_id),
        lane=lane_in(rendered.status, claims.visitor_id) if claims else 0,
    )
