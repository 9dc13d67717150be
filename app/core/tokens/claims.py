"""The claims of verified tokens."""

from __future__ import annotations

from app.core.model import RoomId, Struct, VisitorId


class PlaceClaims(Struct, frozen=True):
    """The claims of a place token: visitor, room, number in an epoch of the room, tickets wanted."""

    room_id: RoomId
    visitor_id: VisitorId
    queue_number: int | None
    epoch: int
    quantity: int = 0  # as in `Place`; above 0: may have been passed over and still be waiting there
    generation: str = ""  # of the room


class BookingClaims(Struct, frozen=True):
    """The claims of a booking token (api.md, "Credentials"); times in whole seconds as in RFC 7519."""

    room_id: RoomId  # aud
    visitor_id: VisitorId  # sub
    jti: str
    iat: int
    exp: int  # of the session, too: `active` holds exp * 1000 as score
    generation: str | None = None  # of the room; None in tokens issued before generations existed


class PassClaims(Struct, frozen=True):
    """The claims of a gate pass; times in whole seconds. `sid` names the session, see `session_id`."""

    room_id: RoomId  # aud
    visitor_id: VisitorId  # sub
    sid: str
    iat: int
    exp: int
    began: int  # when the session was claimed; renewals are counted from then
    net: str = ""  # the client's network as a keyed hash, if the pass is bound to it
    generation: str | None = None  # as in `BookingClaims`


def session_id(visitor_id: VisitorId, queue_number: int) -> str:
    """The id of a session: its visitor and queue number; a later turn of the same visitor is another
    session."""
    return f"{visitor_id}-{queue_number}"


def session_of(sid: str) -> tuple[VisitorId, int] | None:
    """Parse a session id into visitor and queue number; None if it is not one."""
    visitor_id, _, number = sid.rpartition("-")
    if not visitor_id or not number.isascii() or not number.isdigit() or len(number) > 15:
        return None
    return VisitorId(visitor_id), int(number)
