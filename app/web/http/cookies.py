"""The cookies that carry tokens: their names, lifetimes, and how they are bound to our host."""

from __future__ import annotations

import time

from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.web.http.routes import Request

PLACE_COOKIE = "fairgate_place_"  # + room_id
BOOKING_COOKIE = "fairgate_booking_"  # + room_id
HOST_PREFIX = "__Host-"
PLACE_COOKIE_S = 180 * 86_400
NEWCOMER_COOKIE_S = 86_400
WITHOUT_TOKEN = -1  # the epoch of accounts and newcomers, who have no token to restore from
BOOKING_COOKIE_OUTLIVES_S = 3600  # the token says when the session ends; a device's clock may be wrong


def cookies(request: Request, prefix: str) -> dict[str, str]:
    """The cookies whose name begins with `prefix`, by the rest of the name.

    A cookie bound to our host takes precedence over one with the plain name, which a sibling host may have
    set.
    """
    header = request.header(b"cookie")
    if header is None:
        return {}
    plain: dict[str, str] = {}
    bound: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        by_name = bound if name.startswith(HOST_PREFIX) else plain
        name = name.removeprefix(HOST_PREFIX)
        if name.startswith(prefix):
            by_name[name.removeprefix(prefix)] = value.strip('"')
    return plain | bound if bound else plain


def cookie_of(request: Request, name: str) -> str:
    """The cookie of this name, as in `cookies`; "" for none. Optimised because most cookies a browser
    sends are the shop's."""
    header = request.headers.get(b"cookie")
    if header is None or name.encode() not in header:
        return ""
    plain, bound = "", None
    for part in header.decode("latin-1").split(";"):
        if name in part:
            found, _, value = part.strip().partition("=")
            if found == name:
                plain = value.strip('"')
            elif found == HOST_PREFIX + name:
                bound = value.strip('"')
    return plain if bound is None else bound


def cookie_name(request: Request, name: str) -> str:
    """The full name of a cookie: with TLS it has the prefix that binds it to our host.

    Browsers accept such a cookie only if it is Secure, has the path `/`, and is set by this very host.
    """
    return HOST_PREFIX + name if request.is_secure() else name


def place_cookie(request: Request, room_id: RoomId, token: str) -> tuple[bytes, bytes]:
    """Set-Cookie for a place token."""
    return cookie(request, PLACE_COOKIE + room_id, token, PLACE_COOKIE_S)


def newcomer_cookie(request: Request, room_id: RoomId, visitor_id: VisitorId) -> tuple[bytes, bytes]:
    """Set-Cookie that identifies a future visitor; there is no place yet."""
    token = newcomer_token(request, room_id, visitor_id)
    return cookie(request, PLACE_COOKIE + room_id, token, NEWCOMER_COOKIE_S)


def newcomer_token(request: Request, room_id: RoomId, visitor_id: VisitorId) -> str:
    """The place token of who will join."""
    room = request.app.queues.loaded_rooms.last_read(room_id)
    claims = PlaceClaims(
        room_id=room_id,
        visitor_id=visitor_id,
        queue_number=None,
        epoch=WITHOUT_TOKEN,
        generation=room.generation if room else "",
    )
    return request.app.places.sign(claims)


def left_cookies(request: Request, room_id: RoomId, visitor_id: VisitorId) -> list[tuple[bytes, bytes]]:
    """Set-Cookie for a browser whose visitor left a room with `exact_within`: by its place token they
    would still be in the queue. Empty if it has no such cookie, or if all places are looked up."""
    room = request.app.queues.loaded_rooms.last_read(room_id)
    looked_up = room is None or room.settings.exact_within is None
    if looked_up or not cookies(request, PLACE_COOKIE + room_id).get(""):
        return []
    return [newcomer_cookie(request, room_id, visitor_id)]


def booking_cookie(request: Request, room_id: RoomId, token: str, exp: int) -> tuple[bytes, bytes]:
    """Set-Cookie for a booking token; it outlives the session by some time."""
    left_s = max(0, exp - int(time.time()))
    return cookie(request, BOOKING_COOKIE + room_id, token, left_s + BOOKING_COOKIE_OUTLIVES_S)


def cookie(
    request: Request, named: str, value: str, max_age_s: int, *, same_site: str = "Lax"
) -> tuple[bytes, bytes]:
    """Set-Cookie for one of our cookies, bound to our host if there is TLS."""
    prefix, secure = (HOST_PREFIX, "; Secure") if request.is_secure() else ("", "")
    text = f"{prefix}{named}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite={same_site}{secure}"
    return b"set-cookie", text.encode()
