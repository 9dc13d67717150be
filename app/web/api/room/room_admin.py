"""The calls of staff for rooms."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.core.account import Account
from app.core.errors import (
    AlreadyExists,
    BadHeader,
    Conflict,
    IdempotencyKeyReused,
    QueueingMethodLocked,
    Restoring,
    RoomNotFound,
    StoreUnavailable,
)
from app.core.formats import Slug
from app.core.model import RoomId, RoomSettings, Struct, VisitorId
from app.core.waiting_room.rules import RoomAction
from app.waiting_room import control, emptying
from app.waiting_room.advance import COUNT_MAX, advance
from app.web.documents.waiting_room import RoomDocument, room_document
from app.web.http.bodies import idempotency_key
from app.web.http.idempotency import respond_once
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

TAG = "Staff: rooms"
AWAY = (Restoring, StoreUnavailable)
STEP: dict[str, Any] = {
    "tag": TAG,
    "auth": OPERATOR,
    "scope": "rooms:write",
    "answers": {200: RoomDocument},
    "errors": (RoomNotFound, Conflict, *AWAY),
}


class NewRoom(RoomSettings, frozen=True, kw_only=True):
    """A room without an event: its settings; all but the name have defaults."""

    room_id: Slug


class DeleteQuery(Struct, frozen=True):
    """Whether to delete a room with visitors in it."""

    force: bool = False


class AdvanceBody(Struct, frozen=True):
    """How many to admit."""

    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)]


class AdvanceDocument(msgspec.Struct, frozen=True):
    """How many were called, and the queue afterwards."""

    room_id: str
    advanced: int
    limited_by: Literal["nobody", "cap", "tickets", "skipped"] | None  # null: as many as requested
    serving_position: int
    waiting: int
    called: int
    active: int


RoomPatch = msgspec.defstruct(
    "RoomPatch",
    [(it.name, it.type | UnsetType, UNSET) for it in msgspec.structs.fields(RoomSettings)],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)


@endpoint(
    "POST",
    "/v1/rooms",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=NewRoom,
    answers={201: RoomDocument},
    headers=("Idempotency-Key",),
    errors=(AlreadyExists, IdempotencyKeyReused, BadHeader, *AWAY),
)
async def create_room(request: Request, account: Account, body: NewRoom) -> Response:
    """Create a room without an event, for another site."""

    async def create() -> Response:
        settings = RoomSettings(**{name: getattr(body, name) for name in RoomSettings.__struct_fields__})
        made = await control.create_room(
            request.app.queues, RoomId(body.room_id), settings, by=author(request, account)
        )
        location = [(b"location", f"/v1/rooms/{made.room_id}".encode())]
        return json_response(201, room_document(made), location)

    return await respond_once(request, account, body, create)


@endpoint(
    "PATCH",
    "/v1/rooms/{room_id}",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=RoomPatch,
    answers={200: RoomDocument},
    errors=(RoomNotFound, QueueingMethodLocked, Conflict, *AWAY),
)
async def change_room(request: Request, account: Account, body: msgspec.Struct) -> Response:
    """Change a room's settings, effective at the next admission tick."""
    patch = msgspec.to_builtins(body)
    room_id = RoomId(request.params["room_id"])
    changed = await control.configure(request.app.queues, room_id, patch, by=author(request, account))
    request.app.status_board.outdated(room_id)
    return json_response(200, room_document(changed))


@endpoint("POST", "/v1/rooms/{room_id}/open", **STEP)
async def open_room(request: Request, account: Account) -> Response:
    """Open the room now, or reopen a closed one."""
    return await _step(request, account, "open")


@endpoint("POST", "/v1/rooms/{room_id}/pause", **STEP)
async def pause_room(request: Request, account: Account) -> Response:
    """Pause the room: nobody is called, everybody keeps their place."""
    return await _step(request, account, "pause")


@endpoint("POST", "/v1/rooms/{room_id}/resume", **STEP)
async def resume_room(request: Request, account: Account) -> Response:
    """Resume after a pause."""
    return await _step(request, account, "resume")


@endpoint("POST", "/v1/rooms/{room_id}/close", **STEP)
async def close_room(request: Request, account: Account) -> Response:
    """Close the room; running sessions continue."""
    return await _step(request, account, "close")


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}/visitors/{visitor_id}",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    answers={204: None},
    errors=(RoomNotFound, *AWAY),
)
async def remove_visitor(request: Request, account: Account) -> Response:
    """Remove a visitor from the room for good: their place or their session."""
    room_id, visitor_id = RoomId(request.params["room_id"]), VisitorId(request.params["visitor_id"])
    await control.remove(request.app.queues, room_id, visitor_id, by=author(request, account))
    return empty()


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    query=DeleteQuery,
    answers={204: None},
    errors=(RoomNotFound, Conflict, *AWAY),
)
async def delete_room(request: Request, account: Account, query: DeleteQuery) -> Response:
    """Delete a room, its places, sessions and passes; not possible for an event's room.

    If anybody waits or is inside, `force=true` is required. A room created under this name afterwards is
    another one: tokens and passes of this one are not valid there.
    """
    room_id = RoomId(request.params["room_id"])
    by = author(request, account)
    await emptying.delete_room(request.app.queues, room_id, force=query.force, by=by)
    request.app.status_board.outdated(room_id)
    return empty()


@endpoint("POST", "/v1/rooms/{room_id}/reset", **STEP)
async def reset_room(request: Request, account: Account) -> Response:
    """Reset a room: removes everybody, numbers restart at 1; settings and state are kept.

    Refused once there is a reservation. Earlier tokens and passes are no longer valid.
    """
    room_id = RoomId(request.params["room_id"])
    room = await emptying.reset_room(request.app.queues, room_id, by=author(request, account))
    request.app.status_board.outdated(room_id)
    return json_response(200, room_document(room))


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/advance",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=AdvanceBody,
    answers={200: AdvanceDocument},
    headers=("Idempotency-Key",),
    errors=(RoomNotFound, Conflict, IdempotencyKeyReused, BadHeader, *AWAY),
)
async def advance_room(request: Request, account: Account, body: AdvanceBody) -> Response:
    """Admit the first `count` in the queue by hand, even while the room is paused.

    They come on top of the rate; `active_visitors_max` and the free tickets are never exceeded. `limited_by`
    says why fewer were called: `nobody` else waits, `cap`, `tickets`, or `skipped`, if some want more tickets
    than are free or too many of their network have not claimed yet.
    """
    room_id = RoomId(request.params["room_id"])

    async def call() -> Response:
        key = idempotency_key(request)
        named = f"{account.subject} {key}".encode()
        advance_id = hashlib.blake2b(named, digest_size=16).hexdigest() if key else ""
        by = author(request, account)
        done = await advance(request.app.queues, room_id, body.count, advance_id=advance_id, by=by)
        request.app.status_board.outdated(room_id)
        now = done.status
        document = AdvanceDocument(
            room_id,
            done.called,
            done.limit or None,
            now.serving_position,
            now.waiting,
            now.called,
            now.active,
        )
        return json_response(200, document)

    return await respond_once(request, account, body, call)


async def _step(request: Request, account: Account, action: RoomAction) -> Response:
    room_id = RoomId(request.params["room_id"])
    room = await control.set_state(request.app.queues, room_id, action, by=author(request, account))
    request.app.status_board.outdated(room_id)
    return json_response(200, room_document(room))
