"""The life of a sale: where it stands between its first draft and the archive, and what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from app.core.history import Sample
from app.core.model import Event, RoomState

Stage = Literal["draft", "rehearsal", "published", "open", "over", "archived"]
FATE = ("cancelled_at", "moved_from", "refund_until", "notice")  # of an event: what became of it
STAGES: dict[Stage, str] = {
    "draft": "Only staff can see it",
    "rehearsal": "A test room with test payments",
    "published": "Fans can see it, nobody can buy yet",
    "open": "Tickets are being sold",
    "over": "Nothing more is sold",
    "archived": "In no list, and not to be changed",
}
MEASURED_MS = 5 * 60_000  # a forecast goes by this long
MEASURED_MIN_MS = 60_000  # less is noise


class Forecast(NamedTuple):
    """When a sale ends if it goes on as it was measured; None: as it goes it does not."""

    per_minute: float  # tickets sold
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
    """The end of a sale as its last minutes foretell; `samples`: the oldest first. None: it is too early."""
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
