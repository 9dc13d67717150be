"""The visitor of a page, identified by cookies, and what pages know about their place.

Invalid cookies are ignored: if one is forged, of another room or of an ended session, the page shows what
anybody sees.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from quart import Response

from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    PlaceNotFound,
    WrongRoom,
)
from app.core.model import Place, Room, RoomId, RoomStatus
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.core.tokens.place_tokens import new_visitor_id
from app.core.waiting_room.members import is_member, lane_in
from app.web.documents.waiting_room import place_document, place_token
from app.web.gate.addresses import allowed
from app.web.http import far_places
from app.web.http.cookies import BOOKING_COOKIE, PLACE_COOKIE, cookies, newcomer_cookie, place_cookie
from app.web.http.credentials import booking_of_room, network_of, read_place
from app.web.http.routes import Request
from app.web.pages.queue_document import QueueView

NOT_A_CREDENTIAL = (CredentialInvalid, CredentialMissing, BookingTokenExpired, WrongRoom)
BEGAN_COOKIE = (
    "fairgate_began_"  # + room_id: `queue number.position it was first seen at`; also set by queue.js
)
BEGAN_COOKIE_S = 86_400
COOKIES_QUERY = "cookies"


def visitor_of(request: Request, room_id: RoomId) -> PlaceClaims | None:
    """The content of the place cookie."""
    cookie = cookies(request, PLACE_COOKIE + room_id).get("")
    if not cookie:
        return None
    try:
        return read_place(request, room_id, cookie)
    except NOT_A_CREDENTIAL:
        return None


async def session_of(request: Request, room_id: RoomId) -> BookingClaims | None:
    """The content of the booking cookie, if its session has not expired."""
    if not cookies(request, BOOKING_COOKIE + room_id).get(""):
        return None
    try:
        claims = await booking_of_room(request, room_id)
    except NOT_A_CREDENTIAL:
        return None
    return claims if claims.exp > time.time() else None


async def place_of(
    request: Request, room_id: RoomId, claims: PlaceClaims | None = None
) -> tuple[Place, RoomStatus] | None:
    """Look up the place of these claims, or else of the cookie; None if there is none."""
    claims = claims or visitor_of(request, room_id)
    if claims is None:
        return None
    try:
        return await far_places.place_of(request.app, room_id, claims)
    except PlaceNotFound:
        return None


def set_place(response: Response, request: Request, place: Place, status: RoomStatus) -> None:
    """Set a fresh place token."""
    room_id = RoomId(request.params["room_id"])
    token = place_token(request.app.places, place, status, room_id)
    add_cookie(response, place_cookie(request, room_id, token))


def set_newcomer(response: Response, request: Request) -> None:
    """Identify newcomers before they join, so that repeating a join does not create another place."""
    room_id = RoomId(request.params["room_id"])
    add_cookie(response, newcomer_cookie(request, room_id, new_visitor_id(network_of(request, room_id))))


def add_cookie(response: Response, header: tuple[bytes, bytes]) -> None:
    """Add a Set-Cookie header in the API's form."""
    response.headers.add(header[0].decode(), header[1].decode())


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


def requested_return(request: Request) -> str:
    """Where the gate stopped this visitor, from the page's address; not checked yet."""
    return _param(request, "return_to")


def requested_cookies(request: Request) -> str:
    """Result of the cookie test: `asked`, `needed`, or nothing."""
    return _param(request, COOKIES_QUERY)


def _param(request: Request, name: str) -> str:
    return dict(parse_qsl(request.query.decode("latin-1"))).get(name, "")


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
