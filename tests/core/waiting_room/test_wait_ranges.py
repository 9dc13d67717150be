"""How the waits shown adapt to how past waits turned out."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model import Pace
from app.core.ranges import KNOTS_S, NOT_LEARNED, Ranges, between, range_of, ranges_text, read_ranges
from app.core.waiting_room import wait_ranges
from app.core.waiting_room.wait_estimate import (
    QueueMeasurements,
    learn,
    measure,
    next_pace,
    starting_pace,
    wait_range_s,
)
from app.core.waiting_room.wait_ranges import (
    PREDICTIONS_MAX,
    LearnedWaits,
    is_nowhere_above,
    learned_from,
    learned_ranges,
    raised_by,
)
from load.simulate import calibration
from load.simulate.sketch import play
from tests.core.waiting_room.test_pace import CALM

LOW = "5:5,15:15,60:60,240:240,960:960,3840:3840"
logs = st.lists(st.floats(-2, 2), min_size=len(KNOTS_S), max_size=len(KNOTS_S))


def known(p50: list[float], p90: list[float]) -> LearnedWaits:
    """As if these factors had been learned."""
    it = learned_from(NOT_LEARNED)
    return msgspec.structs.replace(
        it,
        p50=msgspec.structs.replace(it.p50, logs=tuple(p50)),
        p90=msgspec.structs.replace(it.p90, logs=tuple(p90)),
    )


ranges = st.builds(lambda p50, p90: learned_ranges(known(p50, p90)), logs, logs)


@given(ranges, st.floats(0.01, 1e6), st.floats(0, 1e5))
def test_whatever_was_learned_a_longer_wait_is_never_shown_shorter(
    it: Ranges, wait_s: float, more_s: float
) -> None:
    nearer, further = range_of(wait_s, it), range_of(wait_s + more_s, it)
    assert 1 <= nearer[0] <= nearer[1] <= further[1]
    assert nearer[0] <= further[0]
    assert read_ranges(ranges_text(it)) == it


@pytest.mark.parametrize("wait_s", [999_999_999.0, 1e9, 1e9 + 1, 2e9, 1e13])
def test_a_wait_of_decades_is_shown_in_proportion(wait_s: float) -> None:
    """A cap of one that nobody leaves, and millions behind it."""
    learned = read_ranges("4:6,14:16,59:62,250:270,1000:1100,4800:7680")
    for it, (even, most) in ((NOT_LEARNED, (1.0, 1.5)), (learned, (1.25, 2.0))):
        assert between(wait_s, it) == pytest.approx((wait_s * even, wait_s * most), rel=1e-9)
    pace = Pace(60, 1e6, 0.0, 1e6)
    assert wait_range_s(2_999, pace, 60) == (3_000_000_000, 4_500_000_000)


def test_rooms_without_stored_ranges_show_what_was_shown_before_any_were_learned() -> None:
    assert read_ranges("") == NOT_LEARNED


@given(ranges, ranges, st.floats(0, 300), st.floats(1, 20_000), st.floats(0, 1))
def test_nobody_sees_a_longer_wait_than_before(
    shown: Ranges, wanted: Ranges, gained_s: float, longest_s: float, share: float
) -> None:
    raised = raised_by(shown, wanted, gained_s, longest_s)
    at_s = share * longest_s + 0.001
    for now_s, before_s in zip(between(at_s, raised), between(at_s + gained_s, shown), strict=True):
        assert now_s <= before_s * (1 + 1e-6) + 1e-3
    for now_s, wanted_s in zip(between(at_s, raised), between(at_s, wanted), strict=True):
        assert now_s <= wanted_s * (1 + 1e-6) + 1e-6
    assert is_nowhere_above(raised, shown, gained_s, longest_s)


@pytest.mark.parametrize("spread", [0.02, 0.3])
def test_nine_in_ten_hold_however_much_chance_there_is(spread: float) -> None:
    """About ten are called per second, varying randomly every ten seconds."""
    chance, pace, passed, times = Random(7), Pace(600, 0.1, 0.0, 0.1), 0.0, 1.0
    it = learned_from(pace.ranges)
    for second in range(2_000):
        times = math.exp(chance.gauss(0, spread)) if second % 10 == 0 else times
        passed += 10 * times
        it = wait_ranges.learn(it, 1_000 * second, int(passed))
        it = wait_ranges.note_shown(it, 1_000 * second, (int(passed), 3_000, 3_000), pace)
        pace = msgspec.structs.replace(pace, ranges=learned_ranges(it))
    assert 0.05 <= (it.missed - 4) / (it.known - 40) <= 0.15
    assert (
        max(len(predictions) for predictions in (*it.p50.predictions, *it.p90.predictions))
        <= PREDICTIONS_MAX + 1
    )


def test_what_was_learned_outlives_a_worker_and_a_wiped_redis() -> None:
    learned = read_ranges("4:6,14:16,59:62,250:270,1000:1100,4000:4400")
    shown = msgspec.structs.replace(starting_pace(600), ranges=learned)
    seen = learn(measure(QueueMeasurements(), CALM), shown, shown)  # another worker reads the published pace
    assert seen.learned is not None
    assert [it[0] for it in learned_ranges(seen.learned)] == [it[0] for it in learned]
    assert [it[2] for it in learned_ranges(seen.learned)] == pytest.approx(
        [it[2] for it in learned], rel=0.02
    )
    later = msgspec.structs.replace(CALM, now_ms=CALM.now_ms + 1000, admitted=9)
    wiped = measure(measure(seen, later), msgspec.structs.replace(later, admitted=0))
    after = next_pace(None, wiped)  # Redis no longer has one
    assert after is not None
    assert after.ranges == learned_ranges(seen.learned)


def test_a_raised_wait_is_told_or_it_is_not_seen() -> None:
    """The p90 proves too low while the queue moves: no shown wait rises, yet in the end it is higher."""
    shown: Pace | None = msgspec.structs.replace(starting_pace(600), ranges=read_ranges(LOW))
    measured = QueueMeasurements()
    for second in range(300):
        passed = 5 * second  # half as fast as calculated
        fields: dict[str, Any] = {"admitted": passed, "passed": passed, "ahead": 5_000}
        measured = measure(
            measured, msgspec.structs.replace(CALM, now_ms=CALM.now_ms + 1000 * second, **fields)
        )
        measured = learn(measured, shown, shown)
        before, shown = shown, next_pace(shown, measured)
        assert before is not None
        assert shown is not None
        for place in (10, 100, 1_000, 4_000):
            was, now = (wait_range_s(at, it, 600) for at, it in ((place + 5, before), (place, shown)))
            assert was is not None
            assert now is not None
            assert shown.since_ms > before.since_ms or now <= was
    assert shown is not None
    assert shown.ranges[2][2] > 70


def test_shown_waits_come_true() -> None:
    """A few sales of the most different kinds; `load.simulate.calibration` runs all of them."""
    classes = (("nothing", 3), ("a long pause", 6), ("cap-bound", 4))
    sales = [calibration.CLASSES[name](seed)._replace(sample=20) for name, seed in classes]
    it = calibration.truth([play(sale) for sale in sales])
    assert 0.85 <= it.held <= 0.95, it
    assert abs(it.bias) <= 0.1, it
