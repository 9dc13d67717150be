"""The calls of AWS's Virtual Waiting Room, for clients written for it: a queue of counters.

A request id is the signed id of a visitor, so nothing is stored for it. Tokens are RS256 regardless of the
room's algorithm, because that is what such clients verify; their issuer is not ours, so they open nothing
here.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

from msgspec import Meta

from app.core.account import Account
from app.core.errors import (
    CaptchaNeeded,
    Conflict,
    IdentityNeeded,
    LeftQueue,
    NoShow,
    PlaceNotFound,
    ProofOfWorkNeeded,
    RateLimited,
    RemovedByStaff,
    RemovedFromQueue,
    RequestIdInvalid,
    Restoring,
    RoomClosed,
    RoomNotFound,
    RoomNotOpen,
    RoomSoldOut,
    SessionDone,
    SessionExpired,
    StoreUnavailable,
)
from app.core.model import Place, RoomId, Struct
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.place_tokens import REQUEST_ID_MAX, new_visitor_id
from app.store.away import stores_answer
from app.waiting_room import emptying, queue
from app.waiting_room.advance import COUNT_MAX, advance
from app.waiting_room.joining import Joiner
from app.web.documents.virtual_waiting_room import (
    Assigned,
    Done,
    NotYet,
    QueueNumber,
    ServingCounter,
    ServingNumber,
    TokenSet,
    WaitingNumber,
)
from app.web.http.cache_control import NO_STORE
from app.web.http.cookies import WITHOUT_TOKEN
from app.web.http.credentials import network_of
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

BASE = "/v1/rooms/{room_id}/vwr"
TAG = "Waiting room"
STAFF_TAG = "Staff: rooms"
INCREMENT_MAX = 100_000
IN_ROOM = (RequestIdInvalid, RoomNotFound, Restoring, StoreUnavailable)
ENDINGS = (NoShow, SessionExpired, LeftQueue, SessionDone, RemovedFromQueue)
EventId = Annotated[str, Meta(max_length=100)]
RequestId = Annotated[str, Meta(max_length=REQUEST_ID_MAX)]


class OfEvent(Struct, frozen=True):
    """Which queue: `event_id` is the room's id."""

    event_id: EventId


class OfRequest(Struct, frozen=True):
    """Whose place, in which queue."""

    event_id: EventId
    request_id: RequestId


class Increment(Struct, frozen=True):
    """How many more to admit. The counter never goes back: calls cannot be undone."""

    event_id: EventId
    increment_by: Annotated[int, Meta(ge=1, le=INCREMENT_MAX)]


@endpoint(
    "POST",
    f"{BASE}/public/assign_queue_num",
    tag=TAG,
    body=OfEvent,
    answers={200: Assigned},
    errors=(
        RoomNotOpen,
        RoomClosed,
        RoomSoldOut,
        RemovedByStaff,
        ProofOfWorkNeeded,
        CaptchaNeeded,
        IdentityNeeded,
        RateLimited,
        *IN_ROOM,
    ),
)
async def assign_queue_num(request: Request, body: OfEvent) -> Response:
    """Join the queue, as in AWS's Virtual Waiting Room."""
    room_id = _room(request, body)
    network = network_of(request, room_id)
    joining = Joiner(new_visitor_id(network), network=network, slower=True)
    place, _ = await queue.join(request.app.queues, room_id, joining)
    request_id = request.app.places.request_id(room_id, place.visitor_id, int(time.time()))
    return json_response(200, Assigned(request_id), [NO_STORE])


@endpoint(
    "GET",
    f"{BASE}/public/queue_num",
    tag=TAG,
    query=OfRequest,
    answers={200: QueueNumber, 202: NotYet},
    errors=(RateLimited, *IN_ROOM),
)
async def queue_num(request: Request, query: OfRequest) -> Response:
    """Get the queue number of a request id."""
    room_id, (claims, entry_time) = _room(request, query), _claims(request, query)
    try:
        place, _ = await queue.place(request.app.queues, room_id, claims)
    except PlaceNotFound:
        return json_response(202, NotYet("Request ID not found"), [NO_STORE])
    if place.queue_number is None:
        return json_response(202, NotYet("Queue numbers are drawn at the opening"), [NO_STORE])
    return json_response(200, QueueNumber(place.queue_number, entry_time, query.event_id), [NO_STORE])


@endpoint(
    "GET",
    f"{BASE}/public/serving_num",
    tag=TAG,
    query=OfEvent,
    answers={200: ServingCounter},
    errors=IN_ROOM,
)
async def serving_num(request: Request, query: OfEvent) -> Response:
    """Get the serving counter, AWS's name for the serving position."""
    rendered = await request.app.status_board.current(_room(request, query))
    return json_response(200, ServingCounter(rendered.status.serving_position), [NO_STORE])


@endpoint(
    "GET",
    f"{BASE}/public/waiting_num",
    tag=TAG,
    query=OfEvent,
    answers={200: WaitingNumber},
    errors=IN_ROOM,
)
async def waiting_num(request: Request, query: OfEvent) -> Response:
    """Get how many visitors wait, or were called and have no token yet."""
    now = (await request.app.status_board.current(_room(request, query))).status
    return json_response(200, WaitingNumber(now.waiting + now.called), [NO_STORE])


@endpoint(
    "POST",
    f"{BASE}/public/generate_token",
    tag=TAG,
    body=OfRequest,
    answers={200: TokenSet, 202: NotYet},
    errors=(PlaceNotFound, *ENDINGS, RateLimited, *IN_ROOM),
)
async def generate_token(request: Request, body: OfRequest) -> Response:
    """Claim the turn of a request id: 200 with RS256 tokens, 202 while it is not being served yet.

    Claiming again yields equivalent tokens; they expire with the session.
    """
    room_id, (claims, _) = _room(request, body), _claims(request, body)
    place, _ = await queue.claim(request.app.queues, room_id, claims)
    if place.state != "active":
        return json_response(202, NotYet("Request ID not being served yet"), [NO_STORE])
    return json_response(200, await _tokens(request, body, place), [NO_STORE])


@endpoint(
    "GET",
    f"{BASE}/public/public_key",
    tag=TAG,
    query=OfEvent,
    answers={200: dict[str, Any]},
    errors=IN_ROOM,
)
async def public_key(request: Request, query: OfEvent) -> Response:
    """Get the key that `generate_token` signs with, as a JWK; `/.well-known/jwks.json` has the older ones."""
    room_id = _room(request, query)
    await request.app.status_board.current(room_id)
    with stores_answer():
        key = await request.app.keyring.key_of("RS256")
    return json_response(200, key.jwk())


@endpoint(
    "POST",
    f"{BASE}/private/increment_serving_counter",
    tag=STAFF_TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=Increment,
    answers={200: ServingNumber},
    errors=(Conflict, *IN_ROOM),
)
async def increment_serving_counter(request: Request, account: Account, body: Increment) -> Response:
    """Admit this many of those waiting, like `advance`: fewer if fewer wait or may be inside."""
    room_id, left = _room(request, body), body.increment_by
    by = author(request, account)
    while True:
        done = await advance(request.app.queues, room_id, min(left, COUNT_MAX), by=by)
        left -= done.called
        if left <= 0 or done.called == 0:
            break
    request.app.status_board.outdated(room_id)
    return json_response(200, ServingNumber(done.status.serving_position))


@endpoint(
    "POST",
    f"{BASE}/private/reset_initial_state",
    tag=STAFF_TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=OfEvent,
    answers={200: Done},
    errors=(Conflict, *IN_ROOM),
)
async def reset_initial_state(request: Request, account: Account, body: OfEvent) -> Response:
    """Reset the room, like `reset`: removes everybody, numbers restart at 1."""
    room_id = _room(request, body)
    await emptying.reset_room(request.app.queues, room_id, by=author(request, account))
    request.app.status_board.outdated(room_id)
    return json_response(200, Done("Reset completed"))


def _room(request: Request, query: OfEvent | OfRequest | Increment) -> RoomId:
    """The path's room, which must be the one the client means. Raises RequestIdInvalid."""
    room_id = RoomId(request.params["room_id"])
    if query.event_id != room_id:
        raise RequestIdInvalid(f"The event id of this address is {room_id}.", error="Invalid event ID")
    return room_id


def _claims(request: Request, query: OfRequest) -> tuple[PlaceClaims, int]:
    """The visitor of a request id, and when they joined. Raises RequestIdInvalid."""
    room_id = RoomId(request.params["room_id"])
    found = request.app.places.read_request_id(room_id, query.request_id)
    if found is None:
        raise RequestIdInvalid("Join for a request id of this room.", error="Invalid request ID")
    visitor_id, at_s = found
    claims = PlaceClaims(
        room_id=room_id, visitor_id=visitor_id, queue_number=None, epoch=WITHOUT_TOKEN, generation=""
    )
    return claims, at_s


async def _tokens(request: Request, query: OfRequest, place: Place) -> TokenSet:
    with stores_answer():
        key = await request.app.keyring.key_of("RS256")
    room = request.app.queues.loaded_rooms.last_read(RoomId(query.event_id))
    exp, now_s = place.session_expires_at_ms // 1000, int(time.time())
    began_s = min(now_s, exp - (room.settings.session_ttl_s if room else 0))
    claims = {
        "aud": query.event_id,
        "sub": query.request_id,
        "queue_position": place.queue_number,
        "iat": began_s,
        "nbf": began_s,
        "exp": exp,
        "iss": f"{request.origin()}{BASE.format(room_id=query.event_id)}",
    }
    access, refresh, id_token = [
        request.app.keyring.signer.sign_foreign({**claims, "token_use": it}, key)
        for it in ("access", "refresh", "id")
    ]
    return TokenSet(access, refresh, id_token, expires_in=max(0, exp - now_s))
