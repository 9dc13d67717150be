"""A queue stalls when people wait, nobody is called and nothing explains it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.model import Pace, RoomStatus
from app.core.waiting_room.stalls import shown_stall_s, still_since_ms

NOW = 1_800_000_000_000
MOVED = NOW - 41_000
STILL = RoomStatus(
    now_ms=NOW,
    version=2,
    epoch=1,
    state="open",
    serving_position=3,
    last_number=100,
    waiting=97,
    called=0,
    active=0,
    outflow_per_minute=60,  # as the last worker left it
    available=None,
    opened_at_ms=NOW - 600_000,
    moved_ms=MOVED,
)
SLOW = Pace(rate_per_minute=60, first_s=20.0, base_s=0.0, each_s=20.0)
SLOWER = Pace(rate_per_minute=60, first_s=40.0, base_s=0.0, each_s=40.0)


@pytest.mark.parametrize(
    ("why", "changed", "rate", "stands"),
    [
        ("nobody was called for 41 s", {}, 60, True),
        ("39 s are too short", {"moved_ms": NOW - 39_000}, 60, False),
        ("paused, and says so", {"state": "paused"}, 60, False),
        ("not open yet", {"state": "prequeue"}, 60, False),
        ("sold out: a returns queue", {"state": "sold_out"}, 60, False),
        ("all tickets are held, and it says so", {"blocked": "held"}, 60, False),
        ("not on sale yet", {"blocked": "not_on_sale_yet"}, 60, False),
        ("a full cap is no reason", {"blocked": "cap"}, 60, True),
        ("nobody waits", {"waiting": 0}, 60, False),
        ("the rate is 0", {}, 0, False),
        ("one call in 20 s is expected: 60 s are the limit", {}, 3, False),
        ("which are over", {"moved_ms": NOW - 60_000}, 3, True),
        (
            'a call in 40 s is expected, and the first has read "under a minute"',
            {"moved_ms": NOW - 60_000},
            1.5,
            True,
        ),
        ("which was not a minute ago", {"moved_ms": NOW - 59_000}, 1.5, False),
        ("people inside stay so long that a call in 20 s is expected", {"pace": SLOW}, 60, False),
        ("no worker of this version has ticked yet", {"moved_ms": 0}, 60, False),
    ],
)
def test_what_stands_still(why: str, changed: dict[str, Any], rate: int, stands: bool) -> None:
    status = msgspec.structs.replace(STILL, **changed)
    assert still_since_ms(status, rate) == (status.moved_ms if stands else 0), why


def test_the_figure_moves_in_steps_that_can_be_read() -> None:
    assert [shown_stall_s(it) for it in (40, 49, 50, 119, 120, 127)] == [40, 40, 50, 110, 120, 127]
