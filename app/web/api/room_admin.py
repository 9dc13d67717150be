"""The calls of staff for rooms."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

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
from app.core.model import RoomId, RoomSettings, VisitorId
from app.core.rules import RoomAction
from app.store.away import stores_answer
from app.waiting_room import control
from app.web.documents.waiting_room import RoomDocument, room_document
from app.web.http.idempotency import once
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
    """A room without an event: settings, all but the name with a default."""

    room_id: Slug


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

    return await once(request, account, body, create)


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/settings",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:read",
    answers={200: RoomDocument},
    errors=(RoomNotFound, *AWAY),
)
async def read_room(request: Request, account: Account) -> Response:
    """Get a room's settings."""
    with stores_answer():
        return json_response(
            200, room_document(await request.app.queues.loaded_rooms.read(_room_of(request)))
        )


@endpoint(
    "PATCH",
    "/v1/rooms/{room_id}",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=RoomPatch,
    answers={200: RoomDocument},
    errors=(RoomNotFound, QueueingMethodLocked, *AWAY),
)
async def change_room(request: Request, account: Account, body: msgspec.Struct) -> Response:
    """Change a room's settings, from the next admission tick on."""
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


def _room_of(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])


async def _step(request: Request, account: Account, action: RoomAction) -> Response:
    room_id = RoomId(request.params["room_id"])
    room = await control.set_state(request.app.queues, room_id, action, by=author(request, account))
    request.app.status_board.outdated(room_id)
    return json_response(200, room_document(room))
