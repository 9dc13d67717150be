"""The waiting room's public calls."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.clock import from_ms
from app.core.errors import (
    CaptchaNeeded,
    CredentialInvalid,
    CredentialMissing,
    IdentityNeeded,
    LeftQueue,
    LimitExceeded,
    MemberElsewhere,
    MembersOnly,
    NoShow,
    NotWaiting,
    PlaceNotFound,
    ProofOfWorkNeeded,
    ProofRefused,
    RateLimited,
    RemovedByStaff,
    RemovedFromQueue,
    Restoring,
    RoomClosed,
    RoomNotFound,
    RoomNotOpen,
    RoomSoldOut,
    SessionDone,
    SessionExpired,
    StoreUnavailable,
    WrongRoom,
)
from app.core.formats import LOCALE, PROOF, Email, Quantity
from app.core.model import Place, RoomId, RoomStatus, Struct
from app.core.notifications.email import mailbox
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.core.tokens.place_tokens import new_visitor_id
from app.core.waiting_room.members import Proof
from app.waiting_room import queue
from app.waiting_room.joining import Joiner
from app.web.api.mailbox import keep_mailbox
from app.web.api.room.captcha import CaptchaResponse, captcha_of, with_widget
from app.web.api.room.member_login import member_of
from app.web.api.room.proof_of_work import Solution, with_challenge
from app.web.documents.waiting_room import (
    BookingTokenDocument,
    PlaceDocument,
    StatusDocument,
    place_document,
    place_token,
)
from app.web.gate.passes import signing_algorithm
from app.web.http.cache_control import NO_STORE, PRIVATE, shared
from app.web.http.cookies import booking_cookie, left_cookies, place_cookie
from app.web.http.credentials import PLACE, bearer, may_identify, network_of, sent_place, sent_token
from app.web.http.far_places import place_of
from app.web.http.routes import STREAM, App, Events, Request, Response, endpoint, json_response

TAG = "Waiting room"
AWAY = (StoreUnavailable,)
IN_ROOM = (RoomNotFound, Restoring, *AWAY)  # errors of calls that need the room itself
ENDINGS = (NoShow, SessionExpired, LeftQueue, SessionDone, RemovedFromQueue)
COOKIE_NEEDED = b"x-place-cookie"  # sent by our page, which cannot store an identity elsewhere


class JoinBody(Struct, frozen=True):
    """Optional fields of a join."""

    email: Email | None = None
    locale: Annotated[str, Meta(pattern=LOCALE)] | None = None
    invite: Annotated[str, Meta(max_length=100, pattern=PROOF)] | None = None  # of a personal link
    proof: Proof | None = None  # of the organiser's login, in a room for members: a JWT
    quantity: Quantity | None = None  # tickets wanted at once: not called while fewer are free
    returns: bool = False  # if sold out, take a place in the returns queue
    proof_of_work: Solution | None = None  # if required of newcomers: a challenge solved by ALTCHA's protocol
    captcha_response: CaptchaResponse | None = None  # if required of newcomers: the response of the widget
    slower_lane: bool = False  # without it you join in the lane of suspects, if the room has one


class PlaceChange(Struct, frozen=True):
    """The fields of a place that its visitor can change while waiting."""

    quantity: Quantity


@endpoint(
    "GET",
    "/v1/rooms/{room_id}",
    tag=TAG,
    hot=True,
    answers={200: StatusDocument},
    errors=IN_ROOM,
)
async def status(request: Request) -> Response:
    """Get the shared status document, which is the same for everyone."""
    room_id = RoomId(request.params["room_id"])
    board = request.app.status_board
    return Response(200, board.peek(room_id) or await board.body(room_id), [shared("status")])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/events",
    tag=TAG,
    hot=True,
    answers={200: Events("status", StatusDocument)},
    errors=(RateLimited, *IN_ROOM),
)
async def room_stream(request: Request) -> Response:
    """Follow the status document as server-sent events: `event: status` at each change."""
    stream = await request.app.status_board.watch(RoomId(request.params["room_id"]))
    headers = [PRIVATE, (b"x-accel-buffering", b"no")]
    return Response(200, stream, headers, STREAM)


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/places",
    tag=TAG,
    hot=True,
    body=JoinBody,
    answers={201: PlaceDocument, 200: PlaceDocument},
    headers=("X-Place-Token", "X-Place-Cookie"),
    errors=(
        CredentialMissing,
        CredentialInvalid,
        WrongRoom,
        RemovedByStaff,
        RoomNotOpen,
        RoomClosed,
        RoomSoldOut,
        LimitExceeded,
        MembersOnly,
        ProofRefused,
        ProofOfWorkNeeded,
        CaptchaNeeded,
        IdentityNeeded,
        MemberElsewhere,
        RateLimited,
        *IN_ROOM,
    ),
)
async def join(request: Request, body: JoinBody) -> Response:
    """Join the queue: 201 with a new place, 200 with your existing one.

    With `returns` also possible when everything is sold: returned tickets are offered in order. A page that
    keeps its place in a cookie sends `X-Place-Cookie: required`, and is refused without the cookie. In a room
    for members, a `proof` of the organiser's login identifies the member, even in another browser; so does an
    `invite`, for its first user. Newcomers may need a proof of work, a captcha or an identity: a join without
    it is refused with the `challenge`, the `captcha` or what is `needed`.
    """
    app, room_id = request.app, RoomId(request.params["room_id"])
    email = mailbox(body.email) if body.email is not None else None
    claims = await who_joins(request) if may_identify(request) else None
    if claims is None and request.headers.get(COOKIE_NEEDED) == b"required":
        raise CredentialMissing("The browser sent no cookie back: load the queue page first.")
    if body.proof is not None or body.invite is not None:
        claims = await member_of(request, body.proof or "", body.invite, claims)
    network = network_of(request, room_id)
    solved = app.places.work.read(body.proof_of_work, room_id, network) if body.proof_of_work else None
    joining = Joiner(
        visitor_id=claims.visitor_id if claims else new_visitor_id(network),
        claims=claims,
        network=network,
        quantity=body.quantity or 0,
        returns=body.returns,
        solved=solved,
        captcha=await captcha_of(request, body.captcha_response, claims, solved),
        slower=body.slower_lane,
    )
    try:
        place, now = await queue.join(app.queues, room_id, joining)
    except ProofOfWorkNeeded as refusal:
        raise with_challenge(request, room_id, network, refusal) from None
    except CaptchaNeeded:
        raise with_widget(request) from None
    if email is not None or (claims and place.new and bearer(request)):
        await keep_mailbox(request, email, body.locale or "", room_id, place)
    return await _place_response(request, place, now, 201 if place.new else 200)


async def who_joins(request: Request) -> PlaceClaims | None:
    """The joining visitor, if known. An invalid cookie is ignored, because a browser cannot repair it."""
    try:
        return await sent_place(request)
    except (CredentialInvalid, WrongRoom):
        if bearer(request) is not None or request.header(b"x-place-token") is not None:
            raise
        return None


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/places/me",
    tag=TAG,
    hot=True,
    auth=PLACE,
    answers={200: PlaceDocument},
    errors=(PlaceNotFound, RateLimited, *IN_ROOM),
)
async def place(request: Request, claims: PlaceClaims) -> Response:
    """Get my exact place; far from the front of a room with `exact_within` an upper bound of it: `about`.

    Then `queue_position` is `queue_number` - `serving_position`, at most the number waiting; in a room in
    parts an estimate. Whether you left since the token was issued is not looked up. Redis is not needed.
    """
    current, now = await place_of(request.app, RoomId(request.params["room_id"]), claims)
    token = sent_token(request)
    return await _place_response(request, current, now, 200, (claims, token) if token else None)


@endpoint(
    "PATCH",
    "/v1/rooms/{room_id}/places/me",
    tag=TAG,
    hot=True,
    auth=PLACE,
    body=PlaceChange,
    answers={200: PlaceDocument},
    errors=(NotWaiting, LimitExceeded, *ENDINGS, PlaceNotFound, RateLimited, *IN_ROOM),
)
async def want(request: Request, claims: PlaceClaims, body: PlaceChange) -> Response:
    """Set how many tickets I want at once: I am not called while fewer are free, and keep my place."""
    room_id = RoomId(request.params["room_id"])
    place, now = await queue.set_quantity(request.app.queues, room_id, claims, body.quantity)
    return await _place_response(request, place, now, 200)


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/places/me/booking-token",
    tag=TAG,
    hot=True,
    auth=PLACE,
    answers={201: BookingTokenDocument, 200: BookingTokenDocument, 202: PlaceDocument},
    errors=(*ENDINGS, PlaceNotFound, RateLimited, *IN_ROOM),
)
async def claim(request: Request, claims: PlaceClaims) -> Response:
    """Claim my booking token: 201 starts the session, 200 repeats the same one, 202 still waiting."""
    app, room_id = request.app, RoomId(request.params["room_id"])
    place, now = await queue.claim(app.queues, room_id, claims)
    if place.state != "active":
        return await _place_response(request, place, now, 202)
    token, exp = booking_token(app, room_id, place, now)
    document = BookingTokenDocument(token, expires_at=from_ms(exp * 1000))
    return json_response(
        201 if place.new else 200, document, [booking_cookie(request, room_id, token, exp), NO_STORE]
    )


def booking_token(app: App, room_id: RoomId, place: Place, now: RoomStatus) -> tuple[str, int]:
    """An active visitor's session as a booking token, and its expiry (s); the same each time."""
    exp = place.session_expires_at_ms // 1000
    claims = BookingClaims(
        room_id=room_id,
        visitor_id=place.visitor_id,
        jti=app.places.jti(room_id, place.visitor_id, exp),
        iat=min(now.now_ms // 1000, exp - 1),
        exp=exp,
        generation=now.generation,
    )
    return app.keyring.signer.sign(claims, signing_algorithm(app, room_id)), exp


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}/places/me",
    tag=TAG,
    hot=True,
    auth=PLACE,
    answers={204: None},
    errors=IN_ROOM,
)
async def leave(request: Request, claims: PlaceClaims) -> Response:
    """Leave the queue, or end the session."""
    room_id = RoomId(request.params["room_id"])
    await queue.leave(request.app.queues, room_id, claims)
    return Response(204, headers=left_cookies(request, room_id, claims.visitor_id))


async def _place_response(
    request: Request,
    place: Place,
    now: RoomStatus,
    status: int,
    sent: tuple[PlaceClaims, str] | None = None,
) -> Response:
    app, room_id = request.app, RoomId(request.params["room_id"])
    room = app.queues.loaded_rooms.peek(room_id, now) or await app.queues.loaded_rooms.at_version(
        room_id, now
    )
    token = place_token(app.places, place, now, room_id, sent)
    rate = room.settings.admission_rate_per_minute
    document = place_document(room_id, place, now, rate, token)
    return json_response(status, document, [place_cookie(request, room_id, token), NO_STORE])
