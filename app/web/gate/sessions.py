"""Calls with which a gated shop ends or renews sessions, with an API key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from app.core.account import Account
from app.core.clock import from_ms
from app.core.errors import NotFound, Restoring, RoomNotFound, SessionDone, StoreUnavailable
from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import session_of
from app.gate import sessions
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

CALL: dict[str, Any] = {"tag": "Staff: rooms", "auth": OPERATOR, "scope": "sessions:write"}
AWAY = (StoreUnavailable, Restoring)


class SessionDocument(msgspec.Struct, frozen=True):
    """A renewed session."""

    sid: str
    session_expires_at: datetime | None


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/sessions/{sid}/end",
    answers={204: None},
    errors=(RoomNotFound, NotFound, *AWAY),
    **CALL,
)
async def end_session(request: Request, account: Account) -> Response:
    """End a session: its pass (`sid`) stops being valid and the next visitor is called."""
    room_id, visitor_id, number = _session(request)
    await sessions.end(request.app.gate, room_id, visitor_id, number, by=author(request, account))
    return empty()


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/sessions/{sid}/renew",
    answers={200: SessionDocument},
    errors=(RoomNotFound, NotFound, SessionDone, *AWAY),
    **CALL,
)
async def renew_session(request: Request, account: Account) -> Response:
    """Renew a session to its full length from now, up to `session_max_s`."""
    room_id, visitor_id, number = _session(request)
    by = author(request, account)
    ends_ms = await sessions.renew_for_shop(request.app.gate, room_id, visitor_id, number, by=by)
    return json_response(200, SessionDocument(request.params["sid"], from_ms(ends_ms)))


def _session(request: Request) -> tuple[RoomId, VisitorId, int]:
    session = session_of(request.params["sid"])
    if session is None:
        raise NotFound("There is no such session.")
    return RoomId(request.params["room_id"]), *session
