"""Which stage of its life a sale is in, and when it is going to end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from app.core.catalogue.sale_life import Stage, forecast, stage_of
from app.core.model import Event, EventId, RoomId, RoomState
from app.core.waiting_room.history import Sample

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EVENT = Event(
    event_id=EventId("gala"),
    room_id=RoomId("gala"),
    name="Gala",
    venue="",
    artist="",
    starts_at=datetime(2030, 6, 1, tzinfo=UTC),
    currency="EUR",
    max_tickets_per_visitor=4,
    hold_ttl_s=300,
    published=True,
)


def sample(at_s: int, **fields: Any) -> Sample:
    levels = {"waiting": 0, "called": 0, "active": 0, "outflow_per_minute": 0, "rate_per_minute": 60}
    rest = {"cap": None, "joined": 0, "no_shows": 0, "requests": 0, "backlog": 0, "reserve_p99_ms": None}
    stock = {"free": 100, "held": 0, "sold": 0}
    return Sample(at_ms=1000 * at_s, state="open", **{**levels, **rest, **stock, **fields})


@pytest.mark.parametrize(
    ("changed", "state", "stage"),
    [
        ({"published": False}, "scheduled", "draft"),
        ({}, "scheduled", "published"),
        ({}, "prequeue", "published"),
        ({}, "open", "open"),
        ({}, "paused", "open"),
        ({}, "sold_out", "open"),
        ({}, "closed", "over"),
        ({"starts_at": datetime(2029, 1, 1, tzinfo=UTC)}, "open", "over"),
        ({"starts_at": datetime(2029, 1, 1, tzinfo=UTC), "sell_after_start": True}, "open", "open"),
    ],
)
def test_stages(changed: dict[str, Any], state: RoomState, stage: Stage) -> None:
    event = msgspec.structs.replace(EVENT, **changed)
    assert stage_of(event, state, NOW) == stage
    assert stage_of(event, state, NOW, rehearsal=True) == "rehearsal"
    assert stage_of(event, state, NOW, archived=True, rehearsal=True) == "archived"


def test_the_end_follows_from_the_last_five_minutes() -> None:
    rush = sample(0, sold=0)  # too long ago to count
    begin, end = sample(600, sold=50, admitted=100), sample(840, sold=90, admitted=180, free=30, held=10)
    found = forecast([rush, begin, msgspec.structs.replace(end, waiting=60)])
    assert found is not None
    assert (found.per_minute, found.sold_out_s) == (10, 240)
    assert (found.per_minute_admitted, found.queue_empty_s) == (20, 180)


def test_nothing_is_foretold_too_early_or_without_sales() -> None:
    assert forecast([]) is None
    assert forecast([sample(0), sample(59, sold=9)]) is None
    assert forecast([sample(0, sold=None, free=None), sample(90, sold=None, free=None)]) is None
    still = forecast([sample(0, sold=9, waiting=5), sample(90, sold=9, waiting=5)])
    assert still is not None
    assert (still.sold_out_s, still.queue_empty_s) == (None, None)
