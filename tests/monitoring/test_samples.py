"""What samples of a room tell, and how other settings would change the wait."""

from __future__ import annotations

import msgspec
import pytest

from app.core.model import Pace, RoomSettings, RoomStatus
from app.core.waiting_room.history import Sample, last_in_queue_s, p99_ms, points
from app.core.waiting_room.wait_estimate import starting_pace, wait_range_s

START = Sample(0, "open", 100, 5, 7, 30, 60, 20, 112, 0, 0, 0, 50, 3, 2, None)
BOUNDS_S = (0.1, 0.5, 1.0)


def later(at_ms: int, **changed: int) -> Sample:
    """The same room at another time."""
    return msgspec.structs.replace(START, at_ms=at_ms, **changed)


def test_rates_are_counted_over_the_last_ten_seconds() -> None:
    moments = [
        START,
        *(later(2000 * i, joined=112 + 2 * i, requests=i, no_shows=i // 5) for i in range(1, 11)),
    ]
    drawn = points(moments)
    assert [it.inflow for it in drawn] == [0] + [60] * 10  # 2 in 2 s
    assert drawn[-1].requests == 0.5
    assert drawn[-1].no_shows == 6  # 1 in 10 s
    assert (drawn[0].inside, drawn[0].cap, drawn[0].rate) == (12, 20, 60)


def test_a_counter_that_began_again_counts_as_nothing() -> None:
    assert points([later(0, joined=500), later(2000, joined=3)])[-1].inflow == 0


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((0, 0, 0, 0), None),
        ((100, 0, 0, 0), 99),
        ((98, 2, 0, 0), 300),  # half of the second bucket
        ((90, 0, 10, 0), 950),
        ((0, 0, 0, 5), 1000),  # beyond the last bound: at least that
    ],
)
def test_p99_of_a_histogram(counts: tuple[int, ...], expected: int | None) -> None:
    assert p99_ms(counts, BOUNDS_S) == expected


def status(*, waiting: int = 301, inside: int = 10, outflow: int = 60) -> RoomStatus:
    """An open room."""
    return RoomStatus(
        now_ms=1,
        version=1,
        epoch=1,
        state="open",
        serving_position=0,
        last_number=waiting,
        waiting=waiting,
        called=0,
        active=inside,
        outflow_per_minute=outflow,
        available=None,
        opened_at_ms=1,
        pace=Pace(60, 1.0, 40.0, 0.5),
    )


def test_the_effect_is_told_by_the_rule_visitors_are_told_by() -> None:
    now = RoomSettings(name="x", admission_rate_per_minute=60, active_visitors_max=100)
    faster = msgspec.structs.replace(now, admission_rate_per_minute=120)
    assert last_in_queue_s(status(), now, now) == wait_range_s(300, status().pace, 60)
    assert last_in_queue_s(status(), now, faster) == wait_range_s(300, Pace(120, 0.5, 40.0, 0.25), 120)
    stopped = msgspec.structs.replace(now, admission_rate_per_minute=0)
    assert last_in_queue_s(status(), now, stopped) is None


def test_while_the_cap_holds_the_line_back_a_higher_rate_changes_nothing_and_a_higher_cap_does() -> None:
    now = RoomSettings(name="x", admission_rate_per_minute=600, active_visitors_max=100)
    full = msgspec.structs.replace(
        status(inside=100, outflow=30), pace=Pace(600, 2.0, 0.0, 2.0), blocked="cap"
    )
    faster = msgspec.structs.replace(now, admission_rate_per_minute=6000)
    wider = msgspec.structs.replace(now, active_visitors_max=200)
    unbound = msgspec.structs.replace(now, active_visitors_max=None)
    assert (
        last_in_queue_s(full, now, faster)
        == last_in_queue_s(full, now, now)
        == wait_range_s(300, starting_pace(30), 600)
    )
    assert last_in_queue_s(full, now, wider) == wait_range_s(300, starting_pace(60), 600)
    assert last_in_queue_s(full, now, unbound) == wait_range_s(300, starting_pace(300), 600)


def test_a_full_cap_that_nobody_was_seen_to_leave_has_no_wait() -> None:
    now = RoomSettings(name="x", admission_rate_per_minute=120, active_visitors_max=60)
    full = msgspec.structs.replace(status(inside=60, outflow=0), pace=None, blocked="cap")
    assert last_in_queue_s(full, now, now) is None
    assert last_in_queue_s(full, now, msgspec.structs.replace(now, active_visitors_max=90)) is None
    slow = msgspec.structs.replace(full, outflow_per_minute=9)  # of a rate of 120: the rate is not the limit
    assert last_in_queue_s(slow, now, now) is None
    measured = msgspec.structs.replace(slow, pace=Pace(120, 60 / 9, 0.0, 60 / 9))
    assert last_in_queue_s(measured, now, now) == wait_range_s(300, starting_pace(9), 120)
