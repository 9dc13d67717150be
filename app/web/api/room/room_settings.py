"""All settings of a room as one document: read, and replaced."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.account import Account
from app.core.errors import QueueingMethodLocked, Restoring, RoomNotFound, StoreUnavailable
from app.core.model import RoomId, RoomSettings
from app.store.away import stores_answer
from app.waiting_room import control
from app.web.documents.waiting_room import settings_document
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

SETTINGS_MAX = 256 * 1024  # bytes: pictures of the theme, and rules
CALL: dict[str, Any] = {"tag": "Staff: rooms", "auth": OPERATOR, "answers": {200: RoomSettings}}
AWAY = (Restoring, StoreUnavailable)


@endpoint("GET", "/v1/rooms/{room_id}/settings", scope="rooms:read", errors=(RoomNotFound, *AWAY), **CALL)
async def read_settings(request: Request, account: Account) -> Response:
    """Get all settings of a room, in the form that PUT and PATCH accept."""
    with stores_answer():
        room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    return json_response(200, settings_document(room.settings))


@endpoint(
    "PUT",
    "/v1/rooms/{room_id}/settings",
    scope="rooms:write",
    body=RoomSettings,
    body_max=SETTINGS_MAX,
    errors=(RoomNotFound, QueueingMethodLocked, *AWAY),
    **CALL,
)
async def replace_settings(request: Request, account: Account, body: RoomSettings) -> Response:
    """Replace all settings of a room, from the next tick on; omitted ones get their defaults."""
    room_id = RoomId(request.params["room_id"])
    document = msgspec.to_builtins(body)
    changed = await control.configure(request.app.queues, room_id, document, by=author(request, account))
    request.app.status_board.outdated(room_id)
    return json_response(200, settings_document(changed.settings))
