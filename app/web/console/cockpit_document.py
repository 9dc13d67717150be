"""The cockpit's document: a room's live numbers, their recent history, and the changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.core import formatting
from app.core.clock import to_ms
from app.core.history import Point, last_in_queue_s
from app.core.model import Room, RoomSettings, RoomState, RoomStatus
from app.store.sql.audit import Entry
from app.waiting_room.control import OPPOSITE

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
}
DONE = {
    "create": "created",
    "open": "opened",
    "pause": "paused",
    "resume": "resumed",
    "close": "closed",
    "delete": "deleted",
}
LONG = 40  # characters of a value that are told


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


def cockpit(
    room: Room,
    status: RoomStatus,
    points: Sequence[Point],
    changes: list[ChangeLine],
    workers: int,
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
    """The log of changes, the newest first. Only the last one can be undone."""
    return [
        ChangeLine(
            audit_id=it.audit_id,
            at_ms=to_ms(it.changed_at),
            who=it.name or it.subject,
            what=_what(it),
            undoable=i == 0 and (it.change.action == "change" or it.change.action in OPPOSITE),
        )
        for i, it in enumerate(entries)
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
    return ", ".join(
        f"{NAMES.get(name, name)} {_value(name, before.get(name))} → {_value(name, value)}"
        for name, value in after.items()
    )


def _value(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return formatting.number(value)
    text = str(value)
    if text == "":
        return "(empty)"
    short = text if len(text) <= LONG else text[: LONG - 1] + "…"
    return f"“{short}”" if name in ("message", "name") else short
