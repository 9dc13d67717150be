"""The cockpit's document: a room's live figures, recent history and changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.core.account import AUTOPILOT, COMMAND_LINE
from app.core.clock import to_ms
from app.core.model import Room, RoomSettings, RoomState, RoomStatus
from app.core.text import formatting
from app.core.waiting_room.autopilot import health
from app.core.waiting_room.history import Point, last_in_queue_s
from app.core.waiting_room.stalls import still_since_ms
from app.store.redis.origin import UNKNOWN, Origin
from app.store.sql.audit import Entry
from app.waiting_room.control import OPPOSITE
from app.web.console.room.pilot import PilotLine, pilot_line
from app.web.console.room.site_figures import GateLine, OriginLine, origin_line
from app.web.console.words import field_name, value
from app.web.documents.lanes import LaneDocument, lane_documents

DONE = {
    "create": "created",
    "open": "opened",
    "pause": "paused",
    "resume": "resumed",
    "close": "closed",
    "delete": "deleted",
    "reset": "reset",
}
AUTHORS = {COMMAND_LINE.subject: "command line"}  # authors of changes that are not accounts
BLOCKED = {  # why nobody is called, apart from the rate and the maximum inside
    "held": "all tickets are held",
    "not_on_sale_yet": "tickets are not on sale yet",
    "sale_over": "the ticket sale has ended",
    "nothing_on_sale": "no tickets are on sale",
}
SUSPECTED = {
    "address": "too many from one address",
    "work": "no proof of work",
    "captcha": "no captcha",
    "identity": "not shown who they are",
}
LONG = 40  # characters shown of a value


class ChangeLine(msgspec.Struct, frozen=True):
    """A change to the room, in words."""

    audit_id: int
    at_ms: int
    who: str
    what: str
    undoable: bool


class SuspectsLine(msgspec.Struct, frozen=True):
    """How many joined as suspects, and why, in words."""

    joined: int
    why: str


class Cockpit(msgspec.Struct, frozen=True):
    """The document of the cockpit's stream. `points`: the new ones; all of them in the first document."""

    room_id: str
    state: RoomState
    waiting: int
    called: int
    active: int
    outflow: int
    rate: int
    cap: int | None
    free: int | None
    held: int | None
    sold: int | None
    last_in_line: str  # wait of the last in the queue, in words
    message: str
    workers: int  # workers alive
    now_ms: int
    points: list[Point]
    changes: list[ChangeLine]  # newest first
    gate: GateLine | None = None  # None for a sale
    origin: OriginLine | None = None  # None if nothing is known about its health
    pilot: PilotLine | None = None
    lanes: list[LaneDocument] = []  # the ordinary lane first; empty if the room has no lanes
    suspects: SuspectsLine | None = None  # None if the room has no lane for suspects


def cockpit(
    room: Room,
    status: RoomStatus,
    points: Sequence[Point],
    changes: list[ChangeLine],
    workers: int,
    gate: GateLine | None = None,
    origin: Origin = UNKNOWN,
    suspects: Mapping[str, int] = {},  # never modified
) -> Cockpit:
    """Build the document of this moment."""
    settings = room.settings
    return Cockpit(
        room_id=room.room_id,
        state=status.state,
        waiting=status.waiting,
        called=status.called,
        active=status.active,
        outflow=status.outflow_per_minute,
        rate=settings.admission_rate_per_minute,
        cap=settings.active_visitors_max,
        free=status.available,
        held=status.held,
        sold=points[-1].sold if points else None,
        last_in_line=last_in_queue(room, status, settings),
        message=settings.message,
        workers=workers,
        now_ms=status.now_ms,
        points=list(points),
        changes=changes,
        gate=gate,
        origin=origin_line(room, origin, health(list(origin.readings.values()), status.now_ms)),
        pilot=pilot_line(settings.autopilot, origin),
        lanes=lane_documents(settings, status),
        suspects=_suspects(suspects) if settings.suspects_lane else None,
    )


def _suspects(by_reason: Mapping[str, int]) -> SuspectsLine:
    texts = (f"{SUSPECTED[it]}: {formatting.number(n)}" for it, n in by_reason.items() if n)
    return SuspectsLine(sum(by_reason.values()), ", ".join(texts))


def last_in_queue(room: Room, status: RoomStatus, changed: RoomSettings) -> str:
    """How long the last in the queue would wait with these settings, in words.

    This is what visitors would see, or the reason why they see no estimate. For a paused room: the wait after
    it resumes.
    """
    if not status.waiting:
        return "nobody is waiting"
    same = changed == room.settings
    if status.state not in ("open", "paused"):
        return f"nobody is called ({status.state.replace('_', ' ').replace('prequeue', 'pre-queue')})"
    if status.state == "paused" and same:
        return "paused: nobody is called"
    if changed.admission_rate_per_minute == 0:
        return "never: the rate is 0"
    if reason := BLOCKED.get(status.blocked):
        return f"nobody is called: {reason}"
    if same and (still_ms := still_since_ms(status, changed.admission_rate_per_minute)):
        return f"nobody called for {_minutes((status.now_ms - still_ms) // 1000)}"
    range_s = last_in_queue_s(status, room.settings, changed)
    if range_s is None:
        return "unknown until somebody leaves: the cap is reached"
    low, high = map(_minutes, range_s)
    text = f"about {low}" if low == high else f"{low} to {high}"
    return f"{text} once resumed" if status.state == "paused" else text


def change_lines(entries: Sequence[Entry]) -> list[ChangeLine]:
    """The change log in words, newest first. Only the latest change by staff can be undone."""
    last = next((it.audit_id for it in entries if it.subject != AUTOPILOT.subject), None)
    return [
        ChangeLine(
            audit_id=it.audit_id,
            at_ms=to_ms(it.changed_at),
            who=AUTHORS.get(it.subject) or it.name or it.subject,
            what=_what(it),
            undoable=it.audit_id == last and (it.change.action == "change" or it.change.action in OPPOSITE),
        )
        for it in entries
    ]


def _minutes(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{formatting.number(round(seconds / 3600))} h"


def _what(entry: Entry) -> str:
    if entry.change.action in DONE:
        return DONE[entry.change.action]
    before, after = entry.change.before or {}, entry.change.after or {}
    if entry.change.action == "advance":
        return f"let {formatting.number(after.get('called', 0))} in by hand"
    what = ", ".join(_changed(name, before.get(name), it) for name, it in after.items() if name != "why")
    return f"{what}: {after['why']}" if "why" in after else what


def _changed(name: str, before: Any, after: Any) -> str:
    label = field_name(name)
    if name == "autopilot":
        return f"{label} {_of_autopilot(before, after)}"
    if isinstance(before, dict) or isinstance(after, dict):
        return f"{label} changed"
    return f"{label} {_value(name, before)} → {_value(name, after)}"


def _of_autopilot(before: Any, after: Any) -> str:
    if before is None or after is None:
        return "off" if after is None else "on"
    if before["paused"] != after["paused"]:
        return "paused" if after["paused"] else "resumed"
    return "changed"


def _value(name: str, content: Any) -> str:
    if name == "bypass":
        return str(len(content or ()))
    text = value(name, content, longest=LONG)
    return f"“{text}”" if content and name in ("message", "name") else text
