"""The credential a request presents at the gate: a pass, a booking token, or nothing valid."""

from __future__ import annotations

import time
from contextlib import suppress

import msgspec

from app.core.errors import (
    BookingTokenExpired,
    CredentialInvalid,
    Refusal,
    RoomNotFound,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import RoomId, RoomSettings, SigningAlgorithm, VisitorId
from app.core.tokens.claims import BookingClaims, PassClaims, session_of
from app.store.away import stores_answer
from app.store.connections import STORE_AWAY
from app.web.http.cookies import BOOKING_COOKIE, cookie_of
from app.web.http.credentials import PLACE_PREFIX
from app.web.http.routes import App, Request

PASS_COOKIE = "fairgate_pass_"  # + room_id, on the shop's host
OVER = "The session has ended."


class Sender(msgspec.Struct, frozen=True):
    """The sender of a request, as far as its credentials show."""

    refusal: Refusal | None = None  # what is wrong with the credentials
    inside: PassClaims | BookingClaims | None = None
    visitor_id: VisitorId | None = None  # from a pass or token of ours, even an expired one
    final: bool = False  # the token is ours but opens no gate

    @property
    def why(self) -> str:
        """Why they are not inside, for the gate's counts."""
        return self.refusal.code if self.refusal else "no_pass"

    @property
    def claims(self) -> PassClaims | None:
        """The pass with which they are inside."""
        return self.inside if isinstance(self.inside, PassClaims) else None

    def is_past_half(self, now_s: int) -> bool:
        """Whether more than half of the lifetime of their pass or token is over."""
        return self.inside is not None and 2 * now_s > self.inside.iat + self.inside.exp


def pass_cookie(request: Request, claims: PassClaims, secure: bool) -> tuple[bytes, bytes]:
    """Set-Cookie for a pass, which expires with the session."""
    token = request.app.keyring.signer.sign_pass(claims, signing_algorithm(request.app, claims.room_id))
    name, max_age_s = PASS_COOKIE + claims.room_id, max(0, claims.exp - int(time.time()))
    ending = "; Secure" if secure else ""
    text = f"{name}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{ending}"
    return b"set-cookie", text.encode()


def signing_algorithm(app: App, room_id: RoomId) -> SigningAlgorithm:
    """The signing algorithm of a room, as far as this process knows it."""
    room = app.queues.loaded_rooms.last_read(room_id)
    return room.settings.signing_algorithm if room else "EdDSA"


async def presented_by(request: Request, room_id: RoomId, settings: RoomSettings) -> Sender:
    """Read the credentials of the request: a pass first, else a booking token from header or cookie."""
    if not request.app.ended_sessions.is_loaded(room_id):
        await request.app.ended_sessions.load(room_id)
    presented = Sender()
    if token := cookie_of(request, PASS_COOKIE + room_id):
        presented = await _by_pass(request, room_id, settings, token)
    if presented.inside is None and (token := _bearer(request)):
        presented = await _by_bearer(request, room_id, token, presented)
    if presented.inside is not None or presented.final:
        return presented
    booking = cookie_of(request, BOOKING_COOKIE + room_id)
    return await _by_booking(request, room_id, booking, presented) if booking else presented


async def _by_pass(request: Request, room_id: RoomId, settings: RoomSettings, token: str) -> Sender:
    try:
        claims = await request.app.keyring.read_pass(token)
    except CredentialInvalid as refusal:
        return Sender(refusal)
    if claims.room_id != room_id:
        return Sender(CredentialInvalid(f"This pass is for the room {claims.room_id}."))
    if settings.pass_ip_bound and claims.net != request.app.handover.net(request.client):
        return Sender(
            CredentialInvalid("This pass was issued to another network.")
        )  # nor does it identify them
    if not await _is_of_room(request, claims):
        return Sender(CredentialInvalid("This pass is for a deleted room of that name."))
    session = session_of(claims.sid)
    ended = request.app.ended_sessions.of(room_id, claims.visitor_id)
    if session is None or (ended is not None and session[1] <= ended.number):
        return Sender(BookingTokenExpired(OVER), visitor_id=claims.visitor_id)
    if claims.exp <= time.time():
        return Sender(BookingTokenExpired("The pass has expired."), visitor_id=claims.visitor_id)
    return Sender(None, claims, claims.visitor_id)


def _bearer(request: Request) -> str:
    """The bearer token, "" if there is none; at a gate this header usually belongs to the shop."""
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _by_bearer(request: Request, room_id: RoomId, token: str, before: Sender) -> Sender:
    """Read a booking token sent by an app; tokens that are not ours are ignored."""
    if token.startswith(PLACE_PREFIX):
        return Sender(CredentialInvalid("This is a place token; a booking token is needed here."), final=True)
    presented = await _by_booking(request, room_id, token, before)
    return msgspec.structs.replace(presented, final=isinstance(presented.refusal, WrongRoom))


async def _by_booking(request: Request, room_id: RoomId, token: str, before: Sender) -> Sender:
    try:
        claims = await request.app.keyring.read(token)
    except (CredentialInvalid, BookingTokenExpired) as refusal:
        return msgspec.structs.replace(before, refusal=refusal)
    except STORE_AWAY:  # the key may be new, or the token not ours at all
        return before
    if not isinstance(claims, BookingClaims):
        return before
    if claims.room_id != room_id:
        return Sender(WrongRoom(f"This booking token is for the room {claims.room_id}."))
    if not await _is_of_room(request, claims):
        return Sender(CredentialInvalid("This booking token is for a deleted room of that name."))
    ended = request.app.ended_sessions.of(room_id, claims.visitor_id)
    if ended is not None and claims.iat * 1000 <= ended.ended_ms:
        return Sender(BookingTokenExpired(OVER), visitor_id=claims.visitor_id)
    return Sender(None, claims, claims.visitor_id)


async def generation_of(request: Request, room_id: RoomId) -> str | None:
    """The generation of this room; None if no store responds."""
    with suppress(RoomNotFound, StoreUnavailable), stores_answer():
        return (await request.app.queues.loaded_rooms.get(room_id)).generation
    return None


async def _is_of_room(request: Request, claims: PassClaims | BookingClaims) -> bool:
    """Whether this room issued the pass, and not a deleted room of the same name.

    A store is queried only if they differ, at most once a second; while PostgreSQL is unavailable, the cached
    generation counts.
    """
    rooms = request.app.queues.loaded_rooms
    room = rooms.last_read(claims.room_id)
    if room is None or claims.generation in (None, room.generation):
        return True
    try:
        return await rooms.is_generation(claims.room_id, claims.generation or "")
    except (RoomNotFound, StoreUnavailable):
        return False
