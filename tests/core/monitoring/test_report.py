"""The figures that a sale's report derives from its history; expected values worked out by hand."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.monitoring import report
from app.core.monitoring.report import Gap, Peak, Percentiles
from app.core.monitoring.sections import Cell, Section, flat
from app.core.waiting_room.history import Step
from tests.monitoring.test_samples import START

T = 1_800_000_000_000 // 60_000 * 60_000


def minute(number: int, samples: int = 60, **changed: Any) -> Step:
    """The step that ends this many minutes after `T`."""
    return Step(msgspec.structs.replace(START, at_ms=T + 60_000 * number, **changed), samples)


def moment(seconds: int, serving: int, last: int) -> tuple[int, int, int]:
    """How far the queue has advanced."""
    return T + 1000 * seconds, serving, last


def test_waits_are_compared_with_what_was_shown_when_people_joined() -> None:
    progress = [
        moment(1, 1, 1),  # called immediately: no wait was shown
        moment(2, 1, 11),  # ten join; the k-th is shown k s
        *(moment(2 + 2 * n, 1 + n, 11) for n in range(1, 6)),  # and one is called every 2 s
        moment(20, 11, 11),  # the last five all at once
    ]
    steps = [minute(1, pace=(1.0, 0.0, 1.0))]
    found = report.waits(progress, steps)
    assert found is not None
    # waited: 0, 2, 4, 6, 8, 10, then 18 five times; shown: 1 to 10 s, plus a tolerance of 20% and 5 s
    assert found.real == Percentiles(10, 18, 18)
    assert found.shown_even == Percentiles(5, 9, 9)
    assert found.shown_most == Percentiles(11, 16, 16)
    assert found.kept_percent == 50  # 2 <= 7, 4 <= 8, 6 <= 9, 8 <= 10, 10 <= 11; 18 > 13 ... 18 > 17
    assert found.calibration is None  # nobody waited throughout the minute
    unknown = report.waits(progress, [minute(1, pace=None)])
    assert unknown is not None
    assert (unknown.real, unknown.shown_even, unknown.kept_percent) == (found.real, None, None)
    assert report.waits([moment(1, 0, 5)], steps) is None  # nobody was called


def test_waits_are_compared_with_what_was_shown_at_any_moment_of_them() -> None:
    """Ten join and are called after six minutes; the samples are taken 330, 270, ... and 30 s before that."""
    progress = [moment(30, 0, 10), moment(390, 10, 10)]
    twice = "5:10,15:30,60:120,240:480,960:1920,3840:7680"
    steps = [minute(at, pace=(20.0, 0.0, 20.0), ranges=twice) for at in range(1, 7)]
    found = report.waits(progress, steps)
    assert found is not None
    # the k-th was shown 20 k to 40 k seconds each time: the wait was within it in 18 and 36 of 60 samples
    assert found.calibration == report.Calibration(30, 60)
    nothing = report.waits(progress, [minute(at, pace=None) for at in range(1, 7)])
    assert nothing is not None
    assert nothing.calibration is None


def test_counters_grow_over_a_loss_of_redis() -> None:
    steps = [minute(at, joined=joined) for at, joined in enumerate((50, 80, 10, 15))]
    assert report.grown(steps, "joined") == 80 + 15
    assert report.most_joined(steps) == Peak(50, T)
    assert report.most_joined([]) is None


def test_slow_minutes_are_those_in_which_anybody_reserved() -> None:
    steps = [
        minute(1, requests=0, reserve_p99_ms=900),  # other rooms were slow
        minute(2, requests=7, reserve_p99_ms=40, backlog=3),
        minute(3, requests=9, reserve_p99_ms=300, waiting=5),
        minute(4, requests=10, reserve_p99_ms=None),
    ]
    found = report.slowest(steps, 60)
    assert [(it.p99_ms, it.requests) for it in found] == [(300, 2), (40, 7)]
    assert (found[0].begin_ms, found[0].end_ms) == (T + 120_000, T + 180_000)
    assert report.most_waiting(steps) == Peak(100, T + 60_000)


def test_a_gap_is_a_time_in_which_somebody_was_there_and_nothing_was_sampled() -> None:
    nobody = {"waiting": 0, "called": 0, "active": 0}
    steps = [
        minute(1, 20),  # the sale started during this minute
        minute(2, 55),  # a sample is missed now and then
        minute(3, 30),
        minute(7),
        minute(8, state="closed", **nobody),
        minute(20, state="sold_out"),
        minute(21, 5),  # still running
    ]
    assert report.gaps(steps, 60) == [
        Gap(T + 180_000, T + 360_000, 180),
        Gap(T + 120_000, T + 180_000, 30),
    ]
    assert report.sold_out_ms(steps) == T + 1_200_000
    assert report.sold_out_ms(steps[:3]) is None


def test_a_table_is_flattened_into_its_figures() -> None:
    rows = [[Cell("a", "a"), Cell("1,000", 1000), Cell("2 s", 2)]]
    section = Section("S", ["what", "x", "y"], rows)
    assert list(flat([section, Section("T", ["what"], [])])) == [("S", "a", "x", 1000), ("S", "a", "y", 2)]
