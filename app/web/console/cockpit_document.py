"""The cockpit's document: a room's live numbers, their recent history, and the changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.core import formatting
from app.core.account import AUTOPILOT
from app.core.autopilot import health
from app.core.clock import to_ms
from app.core.history import Point, last_in_queue_s
from app.core.model import Room, RoomSettings, RoomState, RoomStatus
from app.store.redis.origin import UNKNOWN, Origin
from app.store.sql.audit import Entry
from app.waiting_room.control import OPPOSITE
from app.web.console.pilot import PilotLine, pilot_line
from app.web.console.site_figures import GateLine, OriginLine, origin_line

NAMES = {  # of settings, as the log of changes says them; others by their own name
    "admission_rate_per_minute": "rate",
    "active_visitors_max": "cap",
    "claim_window_s": "claim window (s)",
    "session_ttl_s": "session (s)",
    "message": "message",
    "name": "name",
    "opens_at": "opening",
    "closes_at": "closing",
    "prequeue_at": "pre-queue",
    "target_url": "address",
    "allowed_return_hosts": "other hosts",
    "gate_mode": "gate",
    "gate_fail": "if stores are unavailable",
    "session_renews": "requests renew sessions",
    "session_max_s": "session at most (s)",
    "pass_ip_bound": "passes bound to networks",
    "bypass": "bypass rules",
    "verified_crawlers": "crawlers pass",
    "public": "listed",
    "visitor_events": "visitor events",
    "theme": "look",
}
WORDS = {  # as the settings' form says them
    "auto": "in a crowd",
    "queue_all": "everybody",
    "off": "off",
    "closed": "visitors wait",
    "open": "visitors pass",
}
DONE = {
    "create": "created",
    "open": "opened",
    "pause": "paused",
    "resume": "resumed",
    "close": "closed",
    "delete": "deleted",
    "reset": "reset",
}
LONG = 40  # characters of a value that are shown


class ChangeLine(msgspec.Struct, frozen=True):
    """A change of the room, in words."""

    audit_id: int
    at_ms: int
    who: str
    what: str
    undoable: bool


class Cockpit(msgspec.Struct, frozen=True):
    """The document of the cockpit's stream. `points`: the new ones, or all in the first document."""

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
    last_in_line: str  # how long the last in the queue will wait, in words
    message: str
    workers: int  # alive
    now_ms: int
    points: list[Point]
    changes: list[ChangeLine]  # the newest first
    gate: GateLine | None = None  # of a site; a sale has none
    origin: OriginLine | None = None  # where something is known of its health
    pilot: PilotLine | None = None


def cockpit(
    room: Room,
    status: RoomStatus,
    points: Sequence[Point],
    changes: list[ChangeLine],
    workers: int,
    gate: GateLine | None = None,
    origin: Origin = UNKNOWN,
) -> Cockpit:
    """The document of this moment."""
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
    )


def last_in_queue(room: Room, status: RoomStatus, changed: RoomSettings) -> str:
    """How long the last in the queue would wait with these settings, in words."""
    if not status.waiting:
        return "nobody is waiting"
    if status.state not in ("open", "paused"):
        return f"nobody is called ({status.state.replace('_', ' ').replace('prequeue', 'pre-queue')})"
    found = last_in_queue_s(status, room.settings, changed)
    if found is None:
        return "never: the rate is 0"
    low, high = map(_minutes, found)
    return f"about {low}" if low == high else f"{low} to {high}"


def change_lines(entries: Sequence[Entry]) -> list[ChangeLine]:
    """The log of changes, the newest first. Only the last one of staff's can be undone."""
    last = next((it.audit_id for it in entries if it.subject != AUTOPILOT.subject), None)
    return [
        ChangeLine(
            audit_id=it.audit_id,
            at_ms=to_ms(it.changed_at),
            who=it.name or it.subject,
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


def _what(it: Entry) -> str:
    if it.change.action in DONE:
        return DONE[it.change.action]
    before, after = it.change.before or {}, it.change.after or {}
    if it.change.action == "advance":
        return f"let {formatting.number(after.get('called', 0))} in by hand"
    what = ", ".join(_changed(name, before.get(name), it) for name, it in after.items() if name != "why")
    return f"{what}: {after['why']}" if "why" in after else what


def _changed(name: str, before: Any, after: Any) -> str:
    label = NAMES.get(name, name)
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


def _value(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return formatting.number(value)
    if isinstance(value, list):
        return str(len(value)) if name == "bypass" else ", ".join(map(str, value)) or "none"
    if name in ("gate_mode", "gate_fail"):
        return WORDS[value]
    text = str(value)
    if text == "":
        return "(empty)"
    short = text if len(text) <= LONG else text[: LONG - 1] + "…"
    return f"“{short}”" if name in ("message", "name") else short
