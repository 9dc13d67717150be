"""Credentials: tokens read from a request, and the cookies that carry them.

A header takes precedence over a cookie, and a wrong header is refused, never replaced by a cookie. Expiry is
checked at first, then the kind, then the room.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from app.accounts import accounts, api_keys
from app.catalogue import events
from app.core.account import Account, Author
from app.core.claims import BookingClaims, PlaceClaims
from app.core.clock import now_ms
from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    CredentialMissing,
    EventNotAllowed,
    RateLimited,
    RoleRequired,
    ScopeRequired,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import EventId, Reservation, Role, RoomId, VisitorId
from app.web.http.client_ip import throttle_key
from app.web.http.routes import Auth, Request

PLACE_COOKIE = "fairgate_place_"  # + room_id
BOOKING_COOKIE = "fairgate_booking_"  # + room_id
HOST_PREFIX = "__Host-"
PLACE_COOKIE_S = 180 * 86_400
NEWCOMER_COOKIE_S = 86_400
PLACE_TOKEN_OUTLIVES_ROOM_MS = 30 * 86_400_000
WITHOUT_TOKEN = -1  # the epoch of an account or a newcomer: nothing was told that could be restored
COOKIES_MAX = 180  # place cookies tried for one reservation: as many as browsers keep for a host
BOOKING_COOKIE_OUTLIVES_S = 3600  # the token tells when the session ends; a device's clock may be set
PLACE_PREFIX = "p1."
_SAYS_WHO = frozenset((b"authorization", b"x-place-token", b"cookie"))
GATEWAY_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MESSAGE_ID = re.compile(r"^[\x21-\x7e]{1,128}\Z")
STAFF = accounts.RANK
TOKEN_ERRORS = (CredentialMissing, CredentialInvalid)
KEY_ERRORS = (ScopeRequired, EventNotAllowed)


class Asker(msgspec.Struct, frozen=True):
    """Who asks for a reservation: the visitors proven by their tokens, and the account if there is one."""

    visitors: tuple[PlaceClaims | BookingClaims, ...]
    account: Account | None

    def owns(self, request: Request, reservation: Reservation) -> bool:
        """Whether the reservation is theirs."""
        for it in self.visitors:
            if (it.room_id, it.visitor_id) != (reservation.room_id, reservation.visitor_id):
                continue
            if isinstance(it, BookingClaims) or _is_of_room(request, it):
                return True
        if self.account is None:
            return False
        if reservation.claimed_by == self.account.subject:
            return True
        visitor_id = request.app.places.account_visitor(reservation.room_id, self.account.subject)
        return visitor_id == reservation.visitor_id

    def is_staff(self) -> bool:
        """Whether staff asks."""
        return self.account is not None and STAFF[self.account.role] >= STAFF["operator"]


def bearer(request: Request) -> str | None:
    """The token of the Authorization header. Raises CredentialInvalid when there is something else in it."""
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


def cookies(request: Request, prefix: str) -> dict[str, str]:
    """The cookies whose name begins with `prefix`, by the rest of the name.

    One that is bound to our host beats one of the plain name, which a neighbour's host may have set.
    """
    header = request.header(b"cookie")
    if header is None:
        return {}
    plain: dict[str, str] = {}
    bound: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        found = bound if name.startswith(HOST_PREFIX) else plain
        name = name.removeprefix(HOST_PREFIX)
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = value.strip('"')
    return plain | bound if bound else plain


def cookie_name(request: Request, name: str) -> str:
    """What a cookie of this name is called: with TLS by a prefix that binds it to our host.

    Browsers take it only if it is Secure, of the path `/`, and set by this very host.
    """
    return HOST_PREFIX + name if request.is_secure() else name


def read_place(request: Request, room_id: RoomId, token: str) -> PlaceClaims:
    """A place token of this room, as far as this process knows it. Raises CredentialInvalid, WrongRoom."""
    claims = _named_place(request, room_id, token)
    if not _is_of_room(request, claims):
        raise _of_a_deleted_room()
    return claims


async def _current_place(request: Request, room_id: RoomId, token: str) -> PlaceClaims:
    """A place token of this room. Raises CredentialInvalid, WrongRoom, RoomNotFound, StoreUnavailable."""
    claims, rooms = _named_place(request, room_id, token), request.app.queues.loaded_rooms
    room = rooms.known(room_id)
    if room is not None and room.generation == claims.generation:
        return claims
    if not await rooms.is_generation(room_id, claims.generation):
        raise _of_a_deleted_room()
    return claims


def _is_of_room(request: Request, claims: PlaceClaims) -> bool:
    room = request.app.queues.loaded_rooms.known(claims.room_id)
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
    """The network that asks in a room, as `Joining` takes it; "" without throttles."""
    app = request.app
    if not app.settings.rate_limits:
        return ""
    return app.places.network(room_id, throttle_key(request.client))


def may_identify(request: Request) -> bool:
    """Whether there can be anything in it that says who asks; nearly everybody who joins says nothing."""
    return not request.headers.keys().isdisjoint(_SAYS_WHO)


async def sent_place(request: Request) -> PlaceClaims | None:
    """The place the request speaks for in the room of its path; None when it names none."""
    room_id = RoomId(request.params["room_id"])
    token, beside = bearer(request), request.header(b"x-place-token") or None
    if token is not None and token.startswith(PLACE_PREFIX):
        return await _current_place(request, room_id, token)
    if token is not None:
        if token.startswith(api_keys.PREFIX):
            raise CredentialInvalid("An API key has no place in a queue; send a place token.")
        account = await _account(request, token, "a place token")
        if beside:
            return await _current_place(request, room_id, beside)
        return await _place_of_account(request, room_id, account)
    if beside:
        return await _current_place(request, room_id, beside)
    cookie = cookies(request, PLACE_COOKIE + room_id).get("")
    return await _current_place(request, room_id, cookie) if cookie else None


async def _place_of_account(request: Request, room_id: RoomId, account: Account) -> PlaceClaims:
    """The account's place. Its cookie, when it is of the same visitor, also tells the queue number."""
    visitor_id = request.app.places.account_visitor(room_id, account.subject)
    cookie = cookies(request, PLACE_COOKIE + room_id).get("")
    if cookie:
        try:
            claims = await _current_place(request, room_id, cookie)
        except (CredentialInvalid, WrongRoom):
            pass  # somebody else used this browser before; the account is who asks
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
    """A booking token, of any room. Raises BookingTokenExpired, CredentialInvalid."""
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
    """The booking token for the event of the path. Its cookie is named after the event's room."""
    token = bearer(request)
    if token is not None:
        return await read_booking(request, token)
    if not cookies(request, BOOKING_COOKIE):
        raise CredentialMissing("Claim a booking token first, then send it as `Authorization: Bearer`.")
    event_id = EventId(request.params["event_id"])
    return await booking_of_room(request, await events.room_of_event(request.app.stores, event_id))


async def _claims(request: Request, token: str) -> BookingClaims | Account:
    """What a token says that is no place token: a JWT, or an API key, which only stands for staff."""
    if token.startswith(api_keys.PREFIX):
        return await api_keys.read(request.app.stores, token, request.client)
    found = await request.app.keyring.read(token)
    return await _present(request, found) if isinstance(found, Account) else found


async def _present(request: Request, holder: Account) -> Account:
    """The account of a token, as of a moment ago. Without Postgres, fans go on by the signature."""

    async def read() -> Account:
        return await accounts.with_current_role(request.app.stores, holder)

    try:
        return await request.app.current_accounts.get(f"{holder.role} {holder.jti} {holder.subject}", read)
    except StoreUnavailable:
        if STAFF[holder.role] >= STAFF["operator"]:
            raise
        return holder


async def _account(request: Request, token: str, wanted: str) -> Account:
    account = await _claims(request, token)
    if not isinstance(account, Account):
        raise CredentialInvalid(f"This is a booking token; {wanted} is needed here.")
    return account


async def asker(request: Request) -> Asker:
    """Who asks for a reservation. Raises CredentialMissing & Co."""
    token, beside = bearer(request), request.header(b"x-place-token") or None
    if token is None and beside is None:
        return _asker_of_cookies(request)
    visitors: list[PlaceClaims | BookingClaims] = []
    account = None
    if token is not None and not token.startswith(PLACE_PREFIX):
        found = await _claims(request, token)
        if isinstance(found, Account):
            account = found
        else:
            visitors.append(found)
    elif token is not None:
        beside = token
    if beside is not None:
        visitors.append(request.app.places.read(beside))
    return Asker(tuple(visitors), account)


def _asker_of_cookies(request: Request) -> Asker:
    sent = list(cookies(request, PLACE_COOKIE).values())[:COOKIES_MAX]
    if not sent:
        raise CredentialMissing("Send the place token or the booking token as `Authorization: Bearer`.")
    visitors: list[PlaceClaims | BookingClaims] = []
    for token in sent:
        with suppress(CredentialInvalid):
            visitors.append(request.app.places.read(token))
    if not visitors:
        raise CredentialInvalid("The cookie is not valid. Join again.")
    return Asker(tuple(visitors), None)


async def _anybody(request: Request) -> Account:
    token = bearer(request)
    if token is None:
        raise CredentialMissing("Log in, then send the access token as `Authorization: Bearer`.")
    if token.startswith(PLACE_PREFIX):
        raise CredentialInvalid("This is a place token; an access token is needed here.")
    account = await _account(request, token, "an access token")
    await request.app.throttles.account(account)
    return account


async def _staff(request: Request, role: Role) -> Account:
    account = await accounts.with_current_role(request.app.stores, await _anybody(request))
    if STAFF[account.role] < STAFF[role]:
        raise RoleRequired(f"The role {role} is needed here; yours is {account.role}.")
    return account


async def _operator(request: Request) -> Account:
    return await _staff(request, "operator")


async def _admin(request: Request) -> Account:
    return await _staff(request, "admin")


def events_of(account: Account | None) -> list[str] | None:
    """The events that a list is limited to for whoever asks; None: it is not."""
    bound = account.key.events if account is not None and account.key is not None else None
    return None if bound is None else sorted(bound)


def author(request: Request, account: Account) -> Author:
    """Who makes the change that is asked for, as the audit log names them."""
    return Author(subject=account.subject, role=account.role, request_id=request.request_id)


async def is_staff_call(request: Request) -> bool:
    """Whether a public call is made by staff, or by a key of theirs that is for what the address names."""
    found = await staff_asking(request)
    return found is not None and (found.key is None or found.key.is_for(request.params))


async def staff_asking(request: Request) -> Account | None:
    """The staff who make a public call; any other token, a good or a bad one, makes no difference."""
    try:
        token = bearer(request)
        if token is None or token.startswith(PLACE_PREFIX):
            return None
        found = await _claims(request, token)
    except (CredentialInvalid, BookingTokenExpired):
        return None
    if not isinstance(found, Account) or STAFF[found.role] < STAFF["operator"]:
        return None
    return found if found.key is None or found.key.may("events:read") else None


async def _gateway(request: Request, body: bytes) -> str:
    """The id of a message that the payment gateway signed and sent just now."""
    secret = request.app.settings.payment_webhook_secret.get_secret_value()
    sent = {name: request.header(name.encode()) or "" for name in GATEWAY_HEADERS}
    if not any(sent.values()) and request.header(b"authorization") is None:
        raise CredentialMissing("Sign the message: webhook-id, webhook-timestamp, webhook-signature.")
    if not secret:
        raise CredentialInvalid("FAIRGATE_PAYMENT_WEBHOOK_SECRET is not set, so no signature is accepted.")
    if not _MESSAGE_ID.match(sent["webhook-id"]):
        raise CredentialInvalid("webhook-id must be 1 to 128 characters.")
    try:
        Webhook(secret).verify(body, sent, json_parse=False)
    except (WebhookVerificationError, ValueError):  # also what it cannot even take apart
        raise CredentialInvalid("The signature is wrong, or the message is too old.") from None
    return sent["webhook-id"]


PLACE = Auth("place", ("placeToken", "placeHeader", "accessToken"), _place, (*TOKEN_ERRORS, WrongRoom))
BOOKING = Auth("booking", ("bookingToken",), _booking, (*TOKEN_ERRORS, BookingTokenExpired, WrongRoom))
OWNER = Auth(
    "owner",
    ("placeToken", "placeHeader", "bookingToken", "accessToken"),
    asker,
    (*TOKEN_ERRORS, *KEY_ERRORS),
    takes_keys=True,
)
_OF_STAFF = (*TOKEN_ERRORS, *KEY_ERRORS, RoleRequired, RateLimited)
ACCOUNT = Auth("account", ("accessToken",), _anybody, (*TOKEN_ERRORS, RateLimited))  # which no key has
OPERATOR = Auth("operator", ("accessToken",), _operator, _OF_STAFF, takes_keys=True)
ADMIN = Auth("admin", ("accessToken",), _admin, _OF_STAFF, takes_keys=True)
STAFF_ONLY = (OPERATOR, ADMIN)
GATEWAY = Auth("gateway", ("gatewaySignature",), _gateway, TOKEN_ERRORS, signs_body=True)


def place_cookie(request: Request, room_id: RoomId, token: str) -> tuple[bytes, bytes]:
    """Set-Cookie for a place token."""
    return cookie(request, PLACE_COOKIE + room_id, token, PLACE_COOKIE_S)


def newcomer_cookie(request: Request, room_id: RoomId, visitor_id: VisitorId) -> tuple[bytes, bytes]:
    """Set-Cookie that says who will join; it has no place yet."""
    room = request.app.queues.loaded_rooms.known(room_id)
    claims = PlaceClaims(
        room_id=room_id,
        visitor_id=visitor_id,
        queue_number=None,
        epoch=WITHOUT_TOKEN,
        generation=room.generation if room else "",
    )
    return cookie(request, PLACE_COOKIE + room_id, request.app.places.sign(claims), NEWCOMER_COOKIE_S)


def booking_cookie(request: Request, room_id: RoomId, token: str, exp: int) -> tuple[bytes, bytes]:
    """Set-Cookie for a booking token; it goes some time after the session does."""
    left_s = max(0, exp - int(time.time()))
    return cookie(request, BOOKING_COOKIE + room_id, token, left_s + BOOKING_COOKIE_OUTLIVES_S)


def cookie(
    request: Request, named: str, value: str, max_age_s: int, *, same_site: str = "Lax"
) -> tuple[bytes, bytes]:
    """Set-Cookie for a cookie of ours, bound to our host where there is TLS."""
    prefix, secure = (HOST_PREFIX, "; Secure") if request.is_secure() else ("", "")
    text = f"{prefix}{named}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite={same_site}{secure}"
    return b"set-cookie", text.encode()
