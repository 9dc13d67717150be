"""Figures for staff: one room, and the whole installation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psutil

from app import metrics
from app.core.account import Account
from app.core.clock import from_ms, now_ms
from app.core.errors import Restoring, RoomNotFound, StoreUnavailable
from app.core.model import EventId, RoomId, RoomState
from app.monitoring import stats
from app.monitoring.counts import InstallationCounts
from app.monitoring.stats import RoomFigures
from app.store.sql.reservations.orders import ReservationCounts
from app.web.http.cache_control import NO_STORE
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR

TAG = "Staff: figures"
AWAY = (StoreUnavailable,)
ROOMS_MAX = 500
_STARTED_AT = psutil.Process().create_time()


class ReservationFigures(msgspec.Struct, frozen=True):
    """The number of reservations by state in Postgres; at most a few seconds old."""

    made: int  # all that succeeded, each in one of the states below
    made_last_minute: int
    held: int
    paying: int
    confirmed: int
    cancelled: int
    expired: int


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, or several together. Counters start with the room, or the last loss of Redis."""

    waiting: int
    called: int
    active: int
    outflow_per_minute: int  # measured: calls over the last minute
    stream_backlog: int  # reservation requests not settled yet
    joined: int
    admitted: int  # calls
    no_shows: int
    claimed: int
    expired: int  # sessions that expired
    left: int
    done: int  # sessions ended by their visitor, by staff or by a confirmed purchase


class RoomQueueFigures(QueueFigures, frozen=True, kw_only=True):
    """The queue of one room."""

    room_id: str
    event_id: str | None
    state: RoomState
    opened_at: datetime | None
    admission_rate_per_minute: int


class Waits(msgspec.Struct, frozen=True):
    """How long called visitors had waited: percentiles in seconds."""

    p50: int
    p90: int
    p99: int


class RoomStats(RoomQueueFigures, frozen=True, kw_only=True):
    """Counters and percentiles of one room since its opening."""

    wait_s: Waits | None
    reservations: ReservationFigures | None  # of its event


class RequestFigures(msgspec.Struct, frozen=True):
    """Counts of all web processes, including dead ones, since `since`; they restart at 0 if Redis is lost."""

    since: datetime | None
    answered: int
    refused: dict[str, int]  # by code
    reservations_refused: dict[str, int]  # by code


class ProcessFigures(msgspec.Struct, frozen=True):
    """The web process that gave this response; another one may give the next."""

    uptime_s: int
    answered: int


class InstallationStats(msgspec.Struct, frozen=True):
    """The whole installation. Everything except `this_process` covers all processes."""

    lines: QueueFigures  # of those rooms
    rooms: list[RoomQueueFigures]  # busy in the last quarter of an hour; the latest 500 at most
    reservations: ReservationFigures
    requests: RequestFigures
    workers: int  # alive in the last seconds
    this_process: ProcessFigures
    updated_at: datetime | None


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/stats",
    tag=TAG,
    auth=OPERATOR,
    scope="stats:read",
    answers={200: RoomStats},
    errors=(RoomNotFound, Restoring, *AWAY),
)
async def room_stats(request: Request, account: Account) -> Response:
    """Get counters and percentiles of a room since its opening."""
    queues, room_id = request.app.queues, RoomId(request.params["room_id"])
    figures = await stats.room(queues, room_id)
    waits = await stats.waits_s(queues, room_id)
    event_id = figures.room.event_id
    document = RoomStats(
        **_line(figures),
        wait_s=Waits(**waits) if waits else None,
        reservations=await _reservations(request, event_id) if event_id else None,
    )
    return json_response(200, document, [NO_STORE])


@endpoint(
    "GET",
    "/v1/stats",
    tag=TAG,
    auth=OPERATOR,
    scope="stats:read",
    answers={200: InstallationStats},
    errors=(Restoring, *AWAY),
)
async def installation_stats(request: Request, account: Account) -> Response:
    """Get the figures of the whole installation."""
    stores = request.app.stores
    rooms = [RoomQueueFigures(**_line(it)) for it in await stats.rooms(request.app.queues, ROOMS_MAX)]
    document = InstallationStats(
        lines=_sum(rooms),
        rooms=rooms,
        reservations=await _reservations(request, None),
        requests=_requests(await stats.requests(stores)),
        workers=await stats.workers(stores.redis),
        this_process=ProcessFigures(int(time.time() - _STARTED_AT), metrics.ANSWERS.total()),
        updated_at=from_ms(now_ms()),
    )
    return json_response(200, document, [NO_STORE])


def _line(figures: RoomFigures) -> dict[str, Any]:
    """The fields of `RoomQueueFigures`."""
    return {
        "room_id": figures.room.room_id,
        "event_id": figures.room.event_id,
        "state": figures.status.state,
        "opened_at": from_ms(figures.status.opened_at_ms),
        "admission_rate_per_minute": figures.room.settings.admission_rate_per_minute,
        "waiting": figures.status.waiting,
        "called": figures.status.called,
        "active": figures.status.active,
        "outflow_per_minute": figures.status.outflow_per_minute,
        "stream_backlog": figures.backlog,
        **figures.counted._asdict(),
    }


def _sum(rooms: Sequence[RoomQueueFigures]) -> QueueFigures:
    names = QueueFigures.__struct_fields__
    return QueueFigures(**{name: sum(getattr(it, name) for it in rooms) for name in names})


async def _reservations(request: Request, event_id: EventId | None) -> ReservationFigures:
    stores = request.app.stores
    counted: ReservationCounts = await request.app.caches.reservation_counts.get(
        event_id or "", lambda: stats.reservations(stores, event_id)
    )
    states = counted._asdict()
    last_minute = states.pop("last_minute")
    return ReservationFigures(made=sum(states.values()), made_last_minute=last_minute, **states)


def _requests(counted: InstallationCounts) -> RequestFigures:
    counted_apart = ("held", "accepted", "confirmed", "cancelled", "expired")
    return RequestFigures(
        since=from_ms(counted.since_ms),
        answered=counted.requests,
        refused=counted.refusals,
        reservations_refused={
            code: it for code, it in counted.reservations.items() if code not in counted_apart
        },
    )
