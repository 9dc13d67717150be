"""The visitor of a page, identified by cookies, and their place.

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
from app.core.model import Place, RoomId, RoomStatus
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.core.tokens.place_tokens import new_visitor_id
from app.web.documents.waiting_room import place_token
from app.web.http import far_places
from app.web.http.cookies import BOOKING_COOKIE, PLACE_COOKIE, cookies, newcomer_cookie, place_cookie
from app.web.http.credentials import booking_of_room, network_of, read_place
from app.web.http.routes import Request

NOT_A_CREDENTIAL = (CredentialInvalid, CredentialMissing, BookingTokenExpired, WrongRoom)
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


def requested_return(request: Request) -> str:
    """Where the gate stopped this visitor, from the page's address; not checked yet."""
    return _param(request, "return_to")


def requested_cookies(request: Request) -> str:
    """Result of the cookie test: `asked`, `needed`, or nothing."""
    return _param(request, COOKIES_QUERY)


def _param(request: Request, name: str) -> str:
    return dict(parse_qsl(request.query.decode("latin-1"))).get(name, "")
