"""The shop's health, as reported by the shop, and the autopilot's response."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.autopilot_settings import Autopilot
from app.core.clock import from_ms, now_ms, to_ms
from app.core.errors import RoomNotFound, StoreUnavailable, ValidationFailed
from app.core.formats import SERVER, At
from app.core.model import Room, RoomId, Struct
from app.core.waiting_room.autopilot import Decision, Direction, Health, Reading
from app.store.redis.origin import Origin, ServerReport
from app.waiting_room import autopilot
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR

TAG = "Staff: rooms"
AHEAD_MS = 10_000  # tolerated for a server's clock


class OriginReport(Struct, frozen=True):
    """The health of one of the shop's servers over the last few seconds. `error_rate` is a share: 0.01 is
    one in 100."""

    p95_ms: Annotated[float, Meta(ge=0, le=3_600_000)]
    error_rate: Annotated[float, Meta(ge=0, le=1)]
    in_flight: Annotated[int, Meta(ge=0, le=10_000_000)] | None = None
    server: Annotated[str, Meta(pattern=SERVER)] = ""  # which of several; the worst one counts
    at: At | None = None  # when it was measured: of a server's reports the latest counts


class DecisionDocument(msgspec.Struct, frozen=True):
    """A decision of the autopilot, and its reason."""

    at: datetime | None
    direction: Direction
    rate_from: int
    rate_to: int
    why: str


class HealthDocument(msgspec.Struct, frozen=True):
    """The shop's health: p95 and errors of the worst server, requests in flight of all."""

    p95_ms: float
    error_rate: float
    in_flight: int | None
    heard_at: datetime | None


class ServerDocument(HealthDocument, frozen=True):
    """The last report of one server."""

    server: str


class OriginDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about the shop's health, and the autopilot's state."""

    room_id: str
    admission_rate_per_minute: int
    autopilot: Autopilot | None
    health: HealthDocument | None  # null: no report in the last 30 s
    servers: list[ServerDocument]
    last_decision: DecisionDocument | None  # including one that left the rate unchanged
    last_change: DecisionDocument | None
    prometheus_trouble: str  # why it could not be queried; empty: it could, or need not be


class CountedDocument(OriginDocument, frozen=True, kw_only=True):
    """The same, after a report."""

    counted: bool  # false: this server has sent a later report


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/origin",
    tag=TAG,
    auth=OPERATOR,
    scope="origin:write",
    body=OriginReport,
    answers={200: CountedDocument},
    errors=(RoomNotFound, StoreUnavailable),
)
async def report_origin(request: Request, account: Account, body: OriginReport) -> Response:
    """Report the shop's health, every few seconds.

    The room's autopilot follows it. Reports of a server with the same `at` count once; a report that arrives
    out of order changes nothing (`counted` is false).
    """
    reported_ms = to_ms(body.at)
    if reported_ms > now_ms() + AHEAD_MS:
        raise ValidationFailed("at", "must not be in the future")
    room_id = RoomId(request.params["room_id"])
    report = ServerReport(p95_ms=body.p95_ms, error_rate=body.error_rate, in_flight=body.in_flight)
    counted = await autopilot.report_origin(
        request.app.queues, room_id, report, server=body.server, reported_ms=reported_ms
    )
    document = msgspec.structs.asdict(
        origin_document(*await autopilot.read_origin(request.app.queues, room_id))
    )
    return json_response(200, CountedDocument(**document, counted=counted))


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/origin",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:read",
    answers={200: OriginDocument},
    errors=(RoomNotFound, StoreUnavailable),
)
async def read_origin(request: Request, account: Account) -> Response:
    """Get the shop's reported health, the rate, and the autopilot's last decision with its reason."""
    room_id = RoomId(request.params["room_id"])
    return json_response(200, origin_document(*await autopilot.read_origin(request.app.queues, room_id)))


def origin_document(room: Room, origin: Origin, health: Health | None) -> OriginDocument:
    """The document for staff and the shop."""
    return OriginDocument(
        room_id=room.room_id,
        admission_rate_per_minute=room.settings.admission_rate_per_minute,
        autopilot=room.settings.autopilot,
        health=HealthDocument(*_measured(health)) if health else None,
        servers=[ServerDocument(*_measured(it), name) for name, it in origin.readings.items()],
        last_decision=_decision(origin.course.last),
        last_change=_decision(origin.course.moved),
        prometheus_trouble=origin.trouble,
    )


def _measured(measured: Health | Reading) -> tuple[float, float, int | None, datetime | None]:
    return measured.p95_ms, measured.error_rate, measured.in_flight, from_ms(measured.at_ms)


def _decision(decision: Decision | None) -> DecisionDocument | None:
    if decision is None:
        return None
    return DecisionDocument(
        from_ms(decision.at_ms), decision.direction, decision.rate_from, decision.rate_to, decision.why
    )
