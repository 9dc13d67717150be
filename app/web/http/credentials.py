"""Credentials: tokens read from a request, and the cookies that carry them.

A header takes precedence over a cookie, and an invalid header is refused, never replaced by a cookie. Expiry
is checked first, then the kind, then the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from app.accounts import accounts, api_keys
from app.catalogue import events
from app.core.account import Account
from app.core.clock import now_ms
from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    EventNotAllowed,
    ScopeRequired,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import EventId, Reservation, RoomId
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.core.tokens.order_rights import OWNS, Right
from app.web.http.client_ip import throttle_key
from app.web.http.cookies import BOOKING_COOKIE, PLACE_COOKIE, WITHOUT_TOKEN, cookies
from app.web.http.order_cookie import order_rights
from app.web.http.routes import Auth, Request

PLACE_TOKEN_OUTLIVES_ROOM_MS = 30 * 86_400_000
COOKIES_MAX = 180  # place cookies tried for one reservation: as many as browsers keep per host
PLACE_PREFIX = "p1."
_SAYS_WHO = frozenset((b"authorization", b"x-place-token", b"cookie"))
STAFF = accounts.RANK
TOKEN_ERRORS = (CredentialMissing, CredentialInvalid)
KEY_ERRORS = (ScopeRequired, EventNotAllowed)


class Requester(msgspec.Struct, frozen=True):
    """The requester of a reservation: the visitors proven by their tokens, the account if there is one,
    and the rights that links in e-mails gave this browser."""

    visitors: tuple[PlaceClaims | BookingClaims, ...]
    account: Account | None
    orders: Mapping[str, Right] = {}  # msgspec copies it

    def owns(self, request: Request, reservation: Reservation) -> bool:
        """Whether they may see the reservation and pay for it."""
        return reservation.reservation_id in self.orders or self.bought(request, reservation)

    def bought(self, request: Request, reservation: Reservation) -> bool:
        """Whether they may cancel it and give tickets away, which takes more than a link in an e-mail."""
        if self.orders.get(reservation.reservation_id) == OWNS:
            return True
        for visitor in self.visitors:
            if (visitor.room_id, visitor.visitor_id) != (reservation.room_id, reservation.visitor_id):
                continue
            if isinstance(visitor, BookingClaims) or _is_of_room(request, visitor):
                return True
        if self.account is None:
            return False
        if reservation.claimed_by == self.account.subject:
            return True
        visitor_id = request.app.places.account_visitor(reservation.room_id, self.account.subject)
        return visitor_id == reservation.visitor_id

    def is_staff(self) -> bool:
        """Whether the requester is staff."""
        return self.account is not None and STAFF[self.account.role] >= STAFF["operator"]


def bearer(request: Request) -> str | None:
    """The token of the Authorization header. Raises CredentialInvalid if it contains anything else."""
    value = request.header(b"authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    token = token.strip()
    if "," in token:
        raise CredentialInvalid("Send one Authorization header with one token.")
    if scheme.lower() != "bearer" or not token:
        raise CredentialInvalid("Send `Authorization: Bearer TOKEN`.")
    return token


def read_place(request: Request, room_id: RoomId, token: str) -> PlaceClaims:
    """Read a place token of this room, with what this process knows. Raises CredentialInvalid, WrongRoom."""
    claims = _named_place(request, room_id, token)
    if not _is_of_room(request, claims):
        raise _of_a_deleted_room()
    return claims


async def _current_place(request: Request, room_id: RoomId, token: str) -> PlaceClaims:
    """Read a place token of this room. Raises CredentialInvalid, WrongRoom, RoomNotFound,
    StoreUnavailable."""
    claims, rooms = _named_place(request, room_id, token), request.app.queues.loaded_rooms
    room = rooms.last_read(room_id)
    if room is not None and room.generation == claims.generation:
        return claims
    if not await rooms.is_generation(room_id, claims.generation):
        raise _of_a_deleted_room()
    return claims


def _is_of_room(request: Request, claims: PlaceClaims) -> bool:
    room = request.app.queues.loaded_rooms.last_read(claims.room_id)
    return room is None or room.generation == claims.generation


def _of_a_deleted_room() -> CredentialInvalid:
    return CredentialInvalid("This place token is for a deleted room of that name. Join again for a new one.")


def _named_place(request: Request, room_id: RoomId, token: str) -> PlaceClaims:
    claims = request.app.places.read(token)
    if claims.room_id != room_id:
        raise WrongRoom(f"This place token is for the room {claims.room_id}.")
    closed_at_ms = request.app.status_board.closed_at_ms(room_id)
    if closed_at_ms and now_ms() - closed_at_ms > PLACE_TOKEN_OUTLIVES_ROOM_MS:
        raise CredentialInvalid("The room closed more than 30 days ago.")
    return claims


def network_of(request: Request, room_id: RoomId) -> str:
    """The requester's network in a room, for `Joiner`; "" without throttles."""
    app = request.app
    if not app.settings.rate_limits:
        return ""
    return app.places.network(room_id, throttle_key(request.client))


def may_identify(request: Request) -> bool:
    """Whether the request may identify its sender; most newcomers send nothing that does."""
    return not request.headers.keys().isdisjoint(_SAYS_WHO)


async def sent_place(request: Request) -> PlaceClaims | None:
    """The place presented in a request to its path's room; None if there is none."""
    room_id = RoomId(request.params["room_id"])
    token, beside = bearer(request), request.header(b"x-place-token") or None
    if token is not None and token.startswith(PLACE_PREFIX):
        return await _current_place(request, room_id, token)
    if token is not None:
        if token.startswith(api_keys.PREFIX):
            raise CredentialInvalid("An API key has no place in a queue; send a place token.")
        account = await read_account(request, token, "a place token")
        if beside:
            return await _current_place(request, room_id, beside)
        return await _place_of_account(request, room_id, account)
    if beside:
        return await _current_place(request, room_id, beside)
    cookie = cookies(request, PLACE_COOKIE + room_id).get("")
    return await _current_place(request, room_id, cookie) if cookie else None


def sent_token(request: Request) -> str | None:
    """The place token in a request, the one read by `sent_place`; None if the request is identified by an
    account."""
    if (value := request.header(b"authorization")) is not None:
        _, _, token = value.partition(" ")
        token = token.strip()
        return token if token.startswith(PLACE_PREFIX) else None
    beside = request.header(b"x-place-token")
    return beside or cookies(request, PLACE_COOKIE + request.params["room_id"]).get("")


async def _place_of_account(request: Request, room_id: RoomId, account: Account) -> PlaceClaims:
    """The account's place. A cookie of the same visitor adds the queue number."""
    visitor_id = request.app.places.account_visitor(room_id, account.subject)
    cookie = cookies(request, PLACE_COOKIE + room_id).get("")
    if cookie:
        try:
            claims = await _current_place(request, room_id, cookie)
        except (CredentialInvalid, WrongRoom):
            pass  # the browser was used by somebody else before; the account counts
        else:
            if claims.visitor_id == visitor_id:
                return claims
    return PlaceClaims(room_id=room_id, visitor_id=visitor_id, queue_number=None, epoch=WITHOUT_TOKEN)


async def _place(request: Request) -> PlaceClaims:
    claims = await sent_place(request)
    if claims is None:
        raise CredentialMissing("Join the room first, then send the place token as `Authorization: Bearer`.")
    return claims


async def read_booking(request: Request, token: str) -> BookingClaims:
    """Read a booking token, of any room. Raises BookingTokenExpired, CredentialInvalid."""
    if token.startswith(PLACE_PREFIX):
        raise CredentialInvalid("This is a place token; a booking token is needed here.")
    claims = await request.app.keyring.read(token)
    if not isinstance(claims, BookingClaims):
        raise CredentialInvalid("This is an access token; a booking token is needed here.")
    return claims


async def booking_of_room(request: Request, room_id: RoomId) -> BookingClaims:
    """The booking token for this room, from header or cookie."""
    token = bearer(request) or cookies(request, BOOKING_COOKIE + room_id).get("")
    if not token:
        raise CredentialMissing("Claim a booking token first, then send it as `Authorization: Bearer`.")
    claims = await read_booking(request, token)
    if claims.room_id != room_id:
        raise WrongRoom(f"This booking token is for the room {claims.room_id}.")
    return claims


async def _booking(request: Request) -> BookingClaims:
    """The booking token for the path's event. Its cookie is named after the event's room."""
    token = bearer(request)
    if token is not None:
        return await read_booking(request, token)
    if not cookies(request, BOOKING_COOKIE):
        raise CredentialMissing("Claim a booking token first, then send it as `Authorization: Bearer`.")
    event_id = EventId(request.params["event_id"])
    return await booking_of_room(request, await events.room_of_event(request.app.stores, event_id))


async def read_claims(request: Request, token: str) -> BookingClaims | Account:
    """The claims of a token other than a place token: of a JWT, or an API key, which only staff have."""
    if token.startswith(api_keys.PREFIX):
        return await api_keys.read(request.app.stores, token, request.client)
    claims = await request.app.keyring.read(token)
    return await _present(request, claims) if isinstance(claims, Account) else claims


async def _present(request: Request, holder: Account) -> Account:
    """The current account of a token, at most a moment old. Without Postgres, fans' signatures suffice."""

    async def read() -> Account:
        return await accounts.with_current_role(request.app.stores, holder)

    try:
        return await request.app.caches.accounts.get(f"{holder.role} {holder.jti} {holder.subject}", read)
    except StoreUnavailable:
        if STAFF[holder.role] >= STAFF["operator"]:
            raise
        return holder


async def read_account(request: Request, token: str, role: str) -> Account:
    account = await read_claims(request, token)
    if not isinstance(account, Account):
        raise CredentialInvalid(f"This is a booking token; {role} is needed here.")
    return account


async def requester(request: Request) -> Requester:
    """Identify the requester of a reservation. Raises CredentialMissing and others."""
    token, beside = bearer(request), request.header(b"x-place-token") or None
    if token is None and beside is None:
        return _asker_of_cookies(request)
    visitors: list[PlaceClaims | BookingClaims] = []
    account = None
    if token is not None and not token.startswith(PLACE_PREFIX):
        claims = await read_claims(request, token)
        if isinstance(claims, Account):
            account = claims
        else:
            visitors.append(claims)
    elif token is not None:
        beside = token
    if beside is not None:
        visitors.append(request.app.places.read(beside))
    return Requester(tuple(visitors), account)


def _asker_of_cookies(request: Request) -> Requester:
    sent = list(cookies(request, PLACE_COOKIE).values())[:COOKIES_MAX]
    orders = order_rights(request)
    if not sent and not orders:
        raise CredentialMissing("Send the place token or the booking token as `Authorization: Bearer`.")
    visitors: list[PlaceClaims | BookingClaims] = []
    for token in sent:
        with suppress(CredentialInvalid):
            visitors.append(request.app.places.read(token))
    if not visitors and not orders:
        raise CredentialInvalid("The cookie is not valid. Join again.")
    return Requester(tuple(visitors), None, orders)


PLACE = Auth("place", ("placeToken", "placeHeader", "accessToken"), _place, (*TOKEN_ERRORS, WrongRoom))
BOOKING = Auth("booking", ("bookingToken",), _booking, (*TOKEN_ERRORS, BookingTokenExpired, WrongRoom))
OWNER = Auth(
    "owner",
    ("placeToken", "placeHeader", "bookingToken", "accessToken"),
    requester,
    (*TOKEN_ERRORS, *KEY_ERRORS),
    takes_keys=True,
)
