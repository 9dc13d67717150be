"""A room's history, for staff."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.core.account import Account
from app.core.clock import from_ms
from app.core.errors import RoomNotFound, StoreUnavailable
from app.core.model import RoomId
from app.core.waiting_room.history import Point
from app.monitoring import history
from app.monitoring.history import HistoryRange
from app.store.away import stores_answer
from app.web.http.cache_control import NO_STORE
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far back: minutes, an hour, or to the first visitor."""

    range: HistoryRange = "15m"


class HistoryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a room, or the step that ended then. Null: not applicable, or not known."""

    at: datetime | None
    waiting: int
    inside: int  # called and active
    cap: int | None
    rate: int  # admitted per minute, as configured
    admitted_per_minute: int
    joined_per_minute: int
    no_shows_per_minute: int
    requests_per_second: float  # for tickets
    backlog: int  # of those, not settled yet
    reserve_p99_ms: int | None  # of all rooms together
    free: int | None  # tickets, as are held and sold
    held: int | None
    sold: int | None


class RoomHistory(msgspec.Struct, frozen=True):
    """Points in chronological order, `step_s` apart; further apart where figures are missing.

    For a step, waiting, inside and backlog are maxima. There are at most 900 points.
    """

    room_id: str
    range: HistoryRange
    step_s: int
    points: list[HistoryPoint]


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/history",
    tag="Staff: figures",
    auth=OPERATOR,
    scope="stats:read",
    query=HistoryQuery,
    answers={200: RoomHistory},
    errors=(RoomNotFound, StoreUnavailable),
)
async def room_history(request: Request, account: Account, query: HistoryQuery) -> Response:
    """Get a room's history: by second for 15 minutes, by 10 s for an hour, or since it began."""
    with stores_answer():
        room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    steps = await history.over(request.app.stores, room.room_id, query.range)
    points = [_point(it) for it in steps.points]
    return json_response(200, RoomHistory(room.room_id, query.range, steps.step_s, points), [NO_STORE])


def _point(point: Point) -> HistoryPoint:
    return HistoryPoint(
        at=from_ms(point.at_ms),
        waiting=point.waiting,
        inside=point.inside,
        cap=point.cap,
        rate=point.rate,
        admitted_per_minute=point.outflow,
        joined_per_minute=point.inflow,
        no_shows_per_minute=point.no_shows,
        requests_per_second=point.requests,
        backlog=point.backlog,
        reserve_p99_ms=point.p99_ms,
        free=point.free,
        held=point.held,
        sold=point.sold,
    )
