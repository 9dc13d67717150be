"""The queue for apps that poll it as JSON, in the fields that Cloudflare documents for its waiting room.

It keeps apps written for Cloudflare working. Our own clients use our own, more detailed documents.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from app.core.clock import from_ms, to_ms
from app.core.model import Place, Room, RoomStatus
from app.web.documents.waiting_room import PlaceDocument

REFRESH_S = 20  # the interval such apps are used to
REFRESH_MIN_S = 2
NEAR_S = 5
QUIET_S = 60
UNAVAILABLE = "unavailable"
MINUTE_MS = 60_000
FULL = ("sold_out", "closed")  # nobody can join
BEFORE = ("scheduled", "prequeue")


class Waiting(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The published fields. Minutes are whole numbers; an unknown text is `unavailable`."""

    in_waiting_room: bool
    wait_time: int
    wait_time_known: bool
    wait_time_formatted: str
    wait_time25_percentile: int = 0  # of a queue that draws lots at each step, which ours does not
    wait_time50_percentile: int = 0
    wait_time75_percentile: int = 0
    queue_is_full: bool
    queue_all: bool
    last_updated: str  # with milliseconds, which some apps' parsers require
    refresh_interval_seconds: int
    queueing_method: str = "fifo"
    is_fifo_queue: bool = field(default=True, name="isFIFOQueue")
    is_random_queue: bool = False
    is_passthrough_queue: bool = False
    is_reject_queue: bool = False
    is_event_active: bool
    is_event_prequeueing: bool
    time_until_event_start: int
    time_until_event_start_formatted: str
    time_until_event_end: int
    time_until_event_end_formatted: str
    shuffle_at_event_start: bool


class JsonQueue(msgspec.Struct, frozen=True):
    """The object around the fields."""

    waiting: Waiting = field(name="cfWaitingRoom")


def json_queue(
    room: Room, status: RoomStatus, place: Place | None, place_document: PlaceDocument | None
) -> JsonQueue:
    """The document for this place; a visitor with a session has left the waiting room."""
    settings, before = room.settings, status.state in BEFORE
    event = bool(settings.opens_at or settings.closes_at) and status.state != "closed"
    start = _minutes(to_ms(settings.opens_at), status.now_ms) if before else 0
    end = _minutes(to_ms(settings.closes_at), status.now_ms) if event else 0
    # While nobody can be called there is nothing to estimate from.
    wait_s = place_document.wait_s if place_document and not status.blocked else None
    wait = -(-wait_s.p50 // 60) if wait_s else 0
    waiting = Waiting(
        in_waiting_room=place is None or place.state != "active",
        wait_time=wait,
        wait_time_known=wait_s is not None,
        wait_time_formatted=_formatted(wait) if wait_s else UNAVAILABLE,
        queue_is_full=status.state in FULL,
        queue_all=status.state != "open" or bool(status.blocked),
        last_updated=_instant(status.now_ms),
        refresh_interval_seconds=_refresh_s(settings.claim_window_s, status, place, place_document),
        is_event_active=event,
        is_event_prequeueing=event and before,
        time_until_event_start=start,
        time_until_event_start_formatted=_formatted(start) if start else UNAVAILABLE,
        time_until_event_end=end,
        time_until_event_end_formatted=_formatted(end) if end else UNAVAILABLE,
        shuffle_at_event_start=event and settings.queueing_method == "lottery",
    )
    return JsonQueue(waiting)


def _refresh_s(
    claim_window_s: int, status: RoomStatus, place: Place | None, place_document: PlaceDocument | None
) -> int:
    """When to poll again: twice per claim window, as such an app learns of its turn in no other way."""
    if status.state in FULL and place is None:
        return QUIET_S
    due_s = min(REFRESH_S, place_document.poll_after_s) if place_document else REFRESH_S
    if place is not None and place.ahead is not None and place.ahead < REFRESH_S:
        due_s = min(due_s, NEAR_S + place.ahead)
    return min(max(REFRESH_MIN_S, due_s), max(1, claim_window_s // 2))


def _minutes(at_ms: int, now_ms: int) -> int:
    return max(0, -(-(at_ms - now_ms) // MINUTE_MS)) if at_ms else 0


def _instant(at_ms: int) -> str:
    at = from_ms(at_ms)
    assert at is not None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _formatted(minutes: int) -> str:
    """The documented wording, in English."""
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
