"""The life of a sale: its stage between draft and archive, and when it will end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from app.core.model import Event, RoomState
from app.core.waiting_room.history import Sample

Stage = Literal["draft", "rehearsal", "published", "open", "over", "archived"]
# the fields of an event that say whether it was cancelled or moved
CANCEL_OR_MOVE_FIELDS = ("cancelled_at", "moved_from", "refund_until", "notice")
STAGES: dict[Stage, str] = {
    "draft": "Only staff can see it",
    "rehearsal": "A test room with test payments",
    "published": "Fans can see it, nobody can buy yet",
    "open": "Tickets are being sold",
    "over": "Nothing more is sold",
    "archived": "In no list, and not to be changed",
}
MEASURED_MS = 5 * 60_000  # the time a forecast is based on
MEASURED_MIN_MS = 60_000  # less would be noise


class Forecast(NamedTuple):
    """When a sale will end at the measured speed; None: not at that speed."""

    per_minute: float  # tickets sold per minute
    sold_out_s: int | None
    per_minute_admitted: float
    queue_empty_s: int | None


def stage_of(
    event: Event, state: RoomState, now: datetime, *, archived: bool = False, rehearsal: bool = False
) -> Stage:
    """The stage of a sale whose room is in this state."""
    if archived:
        return "archived"
    if rehearsal:
        return "rehearsal"
    if (
        state == "closed"
        or event.cancelled_at is not None
        or (event.starts_at <= now and not event.sell_after_start)
    ):
        return "over"
    if state in ("open", "paused", "sold_out"):
        return "open"
    return "published" if event.published else "draft"


def forecast(samples: Sequence[Sample]) -> Forecast | None:
    """Extrapolate the end of a sale from its last minutes; `samples`: oldest first. None: too early to
    say."""
    if not samples:
        return None
    last = samples[-1]
    first = next(
        it for it in samples if last.at_ms - it.at_ms <= MEASURED_MS and it.generation == last.generation
    )
    minutes = (last.at_ms - first.at_ms) / 60_000
    if last.at_ms - first.at_ms < MEASURED_MIN_MS or last.sold is None or first.sold is None:
        return None
    sold = max(0, last.sold - first.sold) / minutes
    admitted = max(0, last.admitted - first.admitted) / minutes
    left = (last.free or 0) + (last.held or 0)
    return Forecast(
        per_minute=sold,
        sold_out_s=round(60 * left / sold) if sold and left else None,
        per_minute_admitted=admitted,
        queue_empty_s=round(60 * last.waiting / admitted) if admitted and last.waiting else None,
    )
