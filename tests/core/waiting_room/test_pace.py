"""The arithmetic of the waits we show."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model import Blocked, Pace, RoomStatus
from app.core.waiting_room.wait_estimate import (
    Moment,
    QueueMeasurements,
    estimate,
    is_nowhere_longer,
    measure,
    next_pace,
    no_show_share,
    published_pace,
    starting_pace,
    wait_range_s,
    wait_s,
)

START_MS = 1_800_000_000_000
CALM = Moment(
    now_ms=START_MS,
    state="open",
    rate_per_minute=600,
    claim_window_ms=120_000,
    waiting=5_000,
    called=0,
    admitted=0,
    no_shows=0,
    unclaimed=0,
    tokens_left=False,
)
paces = st.builds(
    lambda rate, share, base: Pace(rate, 60 / rate, base, (1 - share) * 60 / rate),
    st.integers(1, 60_000),
    st.floats(0, 0.9),
    st.floats(0, 500),
)


def a_line(seconds: int, no_show: float, **fields: Any) -> Iterator[Moment]:
    """A room running at its rate, sampled each second; called visitors claim immediately or are no-shows."""
    it = msgspec.structs.replace(CALM, **fields)
    window_s, calls, returned = it.claim_window_ms // 1000, [0.0], 0.0
    for second in range(1, seconds):
        back = (
            no_show * (calls[second - window_s] - calls[second - window_s - 1]) if second > window_s else 0.0
        )
        returned += back
        calls.append(calls[-1] + it.rate_per_minute / 60 + back)
        old = calls[max(0, second - min(30, window_s // 2))]
        yield msgspec.structs.replace(
            it,
            now_ms=START_MS + second * 1000,
            admitted=round(calls[-1]),
            no_shows=round(returned),
            unclaimed=round(no_show * old - returned),
            called=round(no_show * calls[-1] - returned),
        )


def follow(moments: Iterator[Moment], measured: QueueMeasurements | None = None) -> QueueMeasurements:
    measured = measured or QueueMeasurements()
    for moment in moments:
        measured = measure(measured, moment)
    return measured


def test_before_anything_is_measured_the_rate_is_all_that_is_known() -> None:
    assert wait_range_s(0, None, 60) == (1, 2)
    assert wait_range_s(99, None, 600) == (10, 13)
    assert wait_range_s(99, None, 0) is None


@given(paces, st.integers(0, 10**6), st.integers(1, 1_000))
def test_a_wait_grows_with_the_place_and_p90_is_never_below_p50(pace: Pace, ahead: int, more: int) -> None:
    nearer, further = (wait_range_s(it, pace, pace.rate_per_minute) for it in (ahead, ahead + more))
    assert nearer is not None
    assert further is not None
    assert nearer[0] <= nearer[1] <= further[1]
    assert nearer[0] <= further[0]


@pytest.mark.parametrize("no_show", [0.0, 0.15, 0.3, 0.6])
def test_the_share_of_no_shows_is_found(no_show: float) -> None:
    measured = follow(a_line(400, no_show))
    assert no_show_share(measured, 0.0) == pytest.approx(no_show, abs=0.01)
    assert no_show_share(measured, 1.0) <= no_show_share(measured, 0.0) <= no_show_share(measured, -1.0)


@pytest.mark.parametrize("no_show", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("after_s", [60, 200, 900])
def test_the_estimate_is_how_the_line_goes_on(no_show: float, after_s: int) -> None:
    """A place that is reached 600 s later was shown 600 s."""
    moments = list(a_line(after_s + 700, no_show))
    measured = follow(iter(moments[:after_s]))
    position = moments[after_s + 600].admitted - moments[after_s].admitted
    pace = estimate(measured, 0.0)
    assert pace is not None
    assert wait_s(pace, position) == pytest.approx(600, rel=0.05)


def test_what_holds_the_line_back_is_measured() -> None:
    """Visitors are admitted only as others leave: two per second, whatever the rate."""
    moments = (
        msgspec.structs.replace(CALM, now_ms=START_MS + s * 1000, admitted=2 * s, tokens_left=True)
        for s in range(200)
    )
    pace = estimate(follow(moments), 0.0)
    assert pace is not None
    assert wait_s(pace, 100) == pytest.approx(50, rel=0.01)


@given(paces, paces, st.integers(1, 10**6), st.data())
def test_nowhere_longer_means_at_no_place(new: Pace, old: Pace, waiting: int, data: st.DataObject) -> None:
    if is_nowhere_longer(new, old, waiting):
        place = data.draw(st.integers(1, waiting))
        assert wait_s(new, place) <= wait_s(old, place) * (1 + 1e-9)


moments_later = st.builds(
    lambda **fields: fields,
    passed_ms=st.integers(250, 20_000),
    state=st.sampled_from(["open"] * 8 + ["paused", "sold_out"]),
    rate_per_minute=st.sampled_from([600] * 6 + [30, 300, 1_200, 60_000, 0]),
    calls=st.integers(0, 500),
    no_shows=st.integers(0, 200),
    unclaimed=st.integers(0, 300),
    waiting=st.integers(0, 20_000),
    tokens_left=st.booleans(),
)


@given(st.lists(moments_later, min_size=2, max_size=40))
def test_no_wait_ever_rises_without_a_word(steps: list[dict[str, Any]]) -> None:
    """A visitor who waits is never shown a longer wait without a newer `since_ms`."""
    measured, now = QueueMeasurements(), CALM
    shown: Pace | None = None
    for step in steps:
        fields = {
            name: step[name] for name in ("state", "rate_per_minute", "waiting", "unclaimed", "tokens_left")
        }
        now = msgspec.structs.replace(
            now,
            now_ms=now.now_ms + step["passed_ms"],
            admitted=now.admitted + step["calls"],
            no_shows=now.no_shows + step["no_shows"],
            **fields,
        )
        before, measured = (measured.last, shown), measure(measured, now)
        shown = next_pace(shown, measured)
        old = before[1]
        if old is None or shown is None or old == shown or before[0] is None or now.waiting == 0:
            continue
        is_new_pace = shown.since_ms > old.since_ms
        assert is_new_pace or is_nowhere_longer(shown, old, now.waiting), (old, shown)
        assert shown.first_s > 0
        assert shown.base_s >= 0
        assert 0 < shown.each_s <= shown.first_s * (1 + 1e-9)


def test_a_lower_rate_and_a_pause_are_told_at_once() -> None:
    moments = list(a_line(300, 0.3))
    measured = follow(iter(moments))
    shown = next_pace(None, measured)
    lower = msgspec.structs.replace(moments[-1], now_ms=moments[-1].now_ms + 1000, rate_per_minute=300)
    slower = next_pace(shown, measure(measured, lower))
    assert shown is not None
    assert slower is not None
    assert (slower.why, slower.since_ms) == ("rate_lowered", lower.now_ms)
    assert wait_s(slower, 2_000) > wait_s(shown, 2_000) * 1.8
    paused = msgspec.structs.replace(moments[-1], now_ms=moments[-1].now_ms + 1000, state="paused")
    held = next_pace(shown, measure(measured, paused))
    assert held is not None
    assert (held.why, held.since_ms) == ("paused", paused.now_ms)


def test_a_line_that_becomes_slow_is_told_once_it_is_certain() -> None:
    moments = list(a_line(200, 0.0))
    measured, now = follow(iter(moments)), moments[-1]
    shown, shown_waits = next_pace(None, measured), []
    for _ in range(120):  # the cap is reached: one per second instead of ten
        later = {"now_ms": now.now_ms + 1000, "admitted": now.admitted + 1, "tokens_left": True}
        now = msgspec.structs.replace(now, **later)
        measured = measure(measured, now)
        shown = next_pace(shown, measured)
        assert shown is not None
        shown_waits.append((shown.why, shown.since_ms, wait_s(shown, 100)))
    assert (shown_waits[0][0], shown_waits[-1][0]) == ("", "slower")
    assert 75 < shown_waits[-1][2] < 125, "it was 10"
    assert len({since for _, since, _ in shown_waits}) < 15, "not a new wait every second"


def test_a_higher_rate_shortens_all_waits() -> None:
    moments = list(a_line(300, 0.3))
    measured = follow(iter(moments))
    shown = next_pace(None, measured)
    raised = msgspec.structs.replace(moments[-1], now_ms=moments[-1].now_ms + 1000, rate_per_minute=1_200)
    after = next_pace(shown, measure(measured, raised))
    assert shown is not None
    assert after is not None
    assert after.why == ""
    assert wait_s(after, 5_000) < wait_s(shown, 5_000) * 0.65


def test_the_waits_of_one_visitor_go_down_second_by_second() -> None:
    measured, shown, waits = QueueMeasurements(), None, []
    for moment in a_line(600, 0.45):
        measured = measure(measured, moment)
        shown = next_pace(shown, measured)
        if moment.admitted < 4_000:
            waits.append(wait_range_s(4_000 - moment.admitted - 1, shown, 600))
    assert all(after <= before for before, after in pairwise(it for it in waits if it))


def test_a_wiped_redis_is_a_new_beginning() -> None:
    measured = follow(a_line(300, 0.3))
    wiped = measure(measured, CALM)
    assert (wiped.calls, wiped.last) == (0.0, CALM)
    assert estimate(wiped, 0.0) == starting_pace(600)


def test_behind_a_full_cap_nobody_is_told_less_than_people_may_stay_until_they_were_seen_to_leave() -> None:
    """Cap 1, sessions of 600 s, five in the queue; from 300 s on, one visitor leaves every 60 s."""
    measured, shown, shown_waits = QueueMeasurements(), None, []
    full = msgspec.structs.replace(CALM, waiting=5, admitted=1, tokens_left=True, stay_ms=600_000)
    for second in range(600):
        remaining = max(0, second - 300) // 60
        now = msgspec.structs.replace(full, now_ms=START_MS + 1000 * second, admitted=1 + remaining)
        measured = measure(measured, now)
        shown = next_pace(shown, measured)
        status = RoomStatus(
            now_ms=now.now_ms,
            version=1,
            epoch=1,
            state="open",
            serving_position=1,
            last_number=6,
            waiting=5,
            called=0,
            active=1,
            outflow_per_minute=1,
            available=None,
            opened_at_ms=1,
            pace=shown,
            blocked="cap",
        )
        pace = published_pace(status, now.rate_per_minute)
        shown_waits.append(wait_s(pace, 5) if pace else None)
    assert shown_waits[0] is None
    assert all(it is None or it >= 5 * 600 for it in shown_waits[:300])
    assert shown_waits[299] is not None
    last = shown_waits[-1]
    assert last is not None
    assert 5 * 60 < last < 5 * 600  # observed departures count


@pytest.mark.parametrize("blocked", get_args(Blocked))
def test_no_wait_is_told_where_nobody_can_be_called(blocked: Blocked) -> None:
    zeros: dict[str, Any] = dict.fromkeys("epoch serving_position last_number called active".split(), 0)
    status = RoomStatus(
        **zeros,
        now_ms=1,
        version=1,
        state="open",
        waiting=3,
        outflow_per_minute=600,
        available=0,
        opened_at_ms=1,
        blocked=blocked,
    )
    assert (published_pace(status, 600) is not None) == (
        blocked in ("", "cap")
    )  # a cap high enough for the rate
    assert published_pace(status, 0) is None
