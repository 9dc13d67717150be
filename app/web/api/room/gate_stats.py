"""Figures of a room's gate, for its cockpit."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.core.account import Account
from app.core.clock import in_zone
from app.core.errors import RoomNotFound, StoreUnavailable
from app.core.model import BypassRule, Room, RoomId
from app.gate.counts import GateFigures
from app.store.away import stores_answer
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR


class PassesGiven(msgspec.Struct, frozen=True):
    """Passes issued, by reason."""

    no_crowd: int  # to newcomers, at once
    by_turn: int  # to visitors who had been called
    by_ticket: int  # for the hand-over ticket with which the queue page sends visitors back
    renewed: int  # for an older pass of the same session


class RuleFigures(msgspec.Struct, frozen=True):
    """A current bypass rule of the room, and how many requests it let through."""

    rule: BypassRule
    requests: int


class Bypassed(msgspec.Struct, frozen=True):
    """Requests that passed without a turn, by reason."""

    rules: list[RuleFigures]  # in the order of `bypass`
    former_rules: int  # by rules changed or removed since
    gate_mode: int  # while it was `off`
    gate_fail: int  # while it was `open` and a store was unavailable
    crawlers: int  # verified by DNS


class GateStats(msgspec.Struct, frozen=True):
    """Figures of the gate since the room was created or reset; each request is counted once.

    Each web process adds its counts every second; a killed one loses up to a second of them.
    """

    room_id: str
    requests: int
    passed: int  # with a valid pass or booking token
    given: PassesGiven
    queued: int  # sent to the queue page
    queued_by_reason: dict[str, int]  # `no_pass`, or the code of what was wrong with their credential
    bypassed: Bypassed
    refused: dict[str, int]  # by code
    first_seen_at: datetime | None  # null: there was no request yet
    last_seen_at: datetime | None


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/gate-stats",
    tag="Staff: figures",
    auth=OPERATOR,
    scope="stats:read",
    answers={200: GateStats},
    errors=(RoomNotFound, StoreUnavailable),
)
async def gate_stats(request: Request, account: Account) -> Response:
    """Get the figures of a room's gate."""
    with stores_answer():
        room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    figures = await request.app.gate_rooms.counts.figures(room)
    return json_response(200, _document(room, figures), [(b"cache-control", b"no-store")])


def _document(room: Room, figures: GateFigures) -> GateStats:
    rules = zip(room.settings.bypass, figures.by_rule, strict=True)
    return GateStats(
        room_id=room.room_id,
        requests=figures.requests,
        passed=figures.passed,
        given=PassesGiven(figures.no_crowd, figures.by_turn, figures.by_ticket, figures.renewed),
        queued=sum(figures.queued.values()),
        queued_by_reason=figures.queued,
        bypassed=Bypassed(
            rules=[RuleFigures(rule, requests) for rule, requests in rules],
            former_rules=figures.by_former_rules,
            gate_mode=figures.by_setting.get("gate_mode", 0),
            gate_fail=figures.by_setting.get("gate_fail", 0),
            crawlers=figures.by_setting.get("crawler", 0),
        ),
        refused=figures.refused,
        first_seen_at=in_zone(figures.first_at) if figures.first_at else None,
        last_seen_at=in_zone(figures.last_at) if figures.last_at else None,
    )
