"""What the autopilot guarantees, whatever a shop reports. How well it performs: tests/load/test_flight.py."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.autopilot_settings import Autopilot, PrometheusSource, check
from app.core.errors import ValidationFailed
from app.core.waiting_room import autopilot
from app.core.waiting_room.autopilot import (
    FRESH_MS,
    LOST_MS,
    STEP_MS,
    Course,
    Health,
    Now,
    Reading,
    decide,
    health,
)

ON = Autopilot(floor=60, ceiling=6_000)
NEW = Course()
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

readings = st.builds(
    Reading,
    at_ms=st.just(0),
    p95_ms=st.floats(0, 3_600_000),
    error_rate=st.floats(0, 1),
    in_flight=st.none() | st.integers(0, 10_000_000),
)
reports = st.lists(st.none() | readings, max_size=30)  # None: no report at that step
setups = st.builds(
    lambda floor, more, **rest: Autopilot(floor=floor, ceiling=floor + more, **rest),
    floor=st.integers(1, 1_000_000),
    more=st.integers(0, 1_000_000),
    p95_ms=st.integers(1, 600_000),
    error_rate=st.floats(0.0001, 1),
    in_flight=st.none() | st.integers(1, 10_000_000),
    settle_s=st.integers(5, 600),
)


def fly(on: Autopilot, rate: int, reports: Iterable[Reading | None], course: Course = NEW) -> list[Course]:
    """The rate after each step."""
    courses, at_ms = [], course.last.at_ms if course.last else 1_000_000
    for report in reports:
        at_ms += STEP_MS
        shop = None if report is None else health([msgspec.structs.replace(report, at_ms=at_ms - 1)], at_ms)
        course = decide(on, course, used(at_ms, rate), shop)
        assert course.last is not None
        rate = course.last.rate_to
        courses.append(course)
    return courses


def used(at_ms: int, rate: int, called: int = 60_000_000) -> Now:
    """A room in which people wait because of the rate."""
    return Now(at_ms=at_ms, rate=rate, waiting=True, called=called, open_ms=3_600_000)


def rates(courses: Iterable[Course]) -> list[int]:
    return [it.last.rate_to for it in courses if it.last]


def saying(p95_ms: float = 100, error_rate: float = 0, in_flight: int | None = None) -> Reading:
    return Reading(at_ms=0, p95_ms=p95_ms, error_rate=error_rate, in_flight=in_flight)


# --- the promises -----------------------------------------------------------------------------------------
@unhurried
@given(setups, st.integers(0, 60_000_000), reports)
def test_it_never_leaves_floor_and_ceiling(on: Autopilot, rate: int, reports: list[Reading | None]) -> None:
    assert all(on.floor <= it <= on.ceiling for it in rates(fly(on, rate, reports)))


@unhurried
@given(setups, reports, st.lists(readings, min_size=1, max_size=10))
def test_it_always_goes_down_while_the_shop_is_over_its_target(
    on: Autopilot, before: list[Reading | None], over: list[Reading]
) -> None:
    earlier = fly(on, on.floor, before)
    course, rate = (earlier[-1], rates(earlier)[-1]) if earlier else (Course(), on.ceiling)
    over = [it for it in over if autopilot.strain(on, _health(it)) > 1]
    for now in rates(fly(on, rate, over, course)):
        assert now < rate or now == on.floor
        rate = now


@unhurried
@given(setups, reports)
def test_it_goes_up_only_after_a_calm_reading_and_by_at_most_a_fifth(
    on: Autopilot, reports: list[Reading | None]
) -> None:
    rate = on.floor
    for it, now in zip(reports, rates(fly(on, rate, reports)), strict=True):
        if now > rate:
            assert it is not None
            assert autopilot.strain(on, _health(it)) <= autopilot.CALM
            assert now <= max(rate + 1, round(rate * (1 + autopilot.MOST_UP)))
        rate = now


@unhurried
@given(setups, reports)
def test_whatever_was_said_a_shop_that_says_nothing_any_longer_is_at_the_floor_in_the_end(
    on: Autopilot, reports: list[Reading | None]
) -> None:
    # lowered by a tenth each time: at most this many from the ceiling to the floor
    steps = 220 + LOST_MS // STEP_MS
    silent = rates(fly(on, on.ceiling, [*reports, *[None] * steps]))
    assert silent[-1] == on.floor
    assert silent[len(reports) :] == sorted(silent[len(reports) :], reverse=True)


@unhurried
@given(reports)
def test_what_it_remembers_is_the_same_after_it_was_stored(reports: list[Reading | None]) -> None:
    for course in fly(ON, 600, reports):
        text = msgspec.json.encode(course)
        assert msgspec.json.decode(text, type=Course) == course
        assert len(text) < 1_000


def _health(it: Reading) -> Health:
    found = health([it], it.at_ms)
    assert found is not None
    return found


# --- particular courses -----------------------------------------------------------------------------------
def test_reports_that_stop_leave_the_rate_for_a_minute_and_then_lower_it() -> None:
    courses = fly(ON, 1_000, [saying(700), *[None] * 14])
    found = rates(courses)
    assert set(found[1:12]) == {found[0]}
    assert found[12] < found[11]
    words = [it.last.why for it in courses if it.last]
    assert words[2] == "waiting for the next report from the shop"
    assert words[8] == "no report from the shop for 40 s"
    [back, *_] = rates(fly(ON, found[-1], [saying()], courses[-1]))
    assert back > found[-1], "a repeated report is counted immediately"


def test_one_reading_that_stands_out_costs_a_twentieth_and_comes_back_in_steps() -> None:
    calm = [saying(760)] * 5
    found = rates(fly(ON, 1_000, [*calm, saying(1_000), *calm]))
    assert found[:5] == [1_000] * 5
    assert found[5] == 950
    assert min(found[5:]) == 950
    noisy = rates(fly(ON, 1_000, [saying(it) for it in (740, 790, 700, 760, 730, 790, 750) * 10]))
    assert min(noisy) >= 900
    assert max(noisy) <= 1_100


def test_the_further_over_the_target_the_more_it_goes_down_and_errors_count_as_latency_does() -> None:
    far = [rates(fly(ON, 1_000, [saying(p95_ms)] * 2))[-1] for p95_ms in (850, 1_200, 1_700, 20_000)]
    assert far == sorted(far, reverse=True)
    assert rates(fly(ON, 1_000, [saying(error_rate=0.02)] * 2)) == rates(fly(ON, 1_000, [saying(1_600)] * 2))
    full = msgspec.structs.replace(ON, in_flight=100)
    assert rates(fly(full, 1_000, [saying(in_flight=150)])) == [816]
    assert rates(fly(full, 1_000, [saying()]))[0] > 1_000, "without any report there is nothing to count"


def test_a_rate_that_nobody_waits_for_is_not_raised_but_lowered_all_the_same() -> None:
    at_ms = 1_000_000
    nobody = msgspec.structs.replace(used(at_ms, 1_000), waiting=False)
    few = used(at_ms, 1_000, called=600)  # held back by the cap or by tickets
    calm = health([Reading(at_ms=at_ms, p95_ms=100, error_rate=0)], at_ms)
    for idle in (nobody, few):
        last = decide(ON, NEW, idle, calm).last
        assert last is not None
        assert (last.rate_to, last.direction) == (1_000, "hold")
        assert "nobody waits" in last.why
        lowered = decide(ON, Course(heard_ms=-1), idle, _health(saying(3_000))).last
        assert lowered is not None
        assert lowered.rate_to < 1_000


def test_what_was_let_in_is_compared_with_the_rates_of_that_time() -> None:
    risen = Course(rates=(100,) * 11)
    assert autopilot.is_needed(risen, used(0, 1_000, called=160))  # the mean of the last minute is 175
    assert not autopilot.is_needed(risen, used(0, 1_000, called=110))
    opened = msgspec.structs.replace(used(0, 1_000, called=90), open_ms=6_000)
    assert autopilot.is_needed(NEW, opened)
    assert not autopilot.is_needed(NEW, msgspec.structs.replace(opened, called=60))


def test_the_worst_server_counts_and_one_that_is_silent_does_not() -> None:
    at_ms = 1_000_000
    one = Reading(at_ms=at_ms - 1_000, p95_ms=100, error_rate=0.02, in_flight=5)
    two = Reading(at_ms=at_ms - 2_000, p95_ms=900, error_rate=0.0, in_flight=7)
    outdated = Reading(at_ms=at_ms - FRESH_MS - 1, p95_ms=9_000, error_rate=1.0, in_flight=100)
    found = health([one, two, outdated], at_ms)
    assert found == Health(at_ms=one.at_ms, p95_ms=900, error_rate=0.02, in_flight=12, servers=2)
    assert health([outdated], at_ms) is None


def test_one_decision_a_step_also_when_the_clock_was_set_back() -> None:
    [course] = fly(ON, 600, [saying()])
    assert course.last is not None
    at_ms = course.last.at_ms
    assert not autopilot.is_due(course, at_ms)
    assert not autopilot.is_due(course, at_ms + STEP_MS - 1)
    assert autopilot.is_due(course, at_ms + STEP_MS)
    assert autopilot.is_due(course, at_ms - 3_600_000)
    assert autopilot.is_due(Course(), at_ms)


def test_what_it_says_is_in_plain_words() -> None:
    [course] = fly(ON, 600, [saying(1_240, 0.002)])
    assert course.last is not None
    assert course.last.why == "p95 1,240 ms of 800, errors 0.20% of 1.00%: over the target"
    assert course.moved == course.last


# --- the setting ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("autopilot.ceiling", {"ceiling": 59}),
        (
            "autopilot.prometheus.url",
            {"prometheus": PrometheusSource(url="ftp://x", p95_ms="a", error_rate="b")},
        ),
        (
            "autopilot.prometheus.url",
            {"prometheus": PrometheusSource(url="http://a@b:1", p95_ms="a", error_rate="b")},
        ),
        (
            "autopilot.prometheus.p95_ms",
            {"prometheus": PrometheusSource(url="http://b", p95_ms=" ", error_rate="b")},
        ),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(field: str, changed: dict[str, object]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check(msgspec.structs.replace(ON, **changed))
    assert [it["field"] for it in refused.value.members["errors"]] == [field]


def test_a_setting_that_makes_sense_is_taken() -> None:
    check(None)
    source = PrometheusSource(url="https://prometheus.example:9090/sub", p95_ms="a", error_rate="b")
    check(msgspec.structs.replace(ON, prometheus=source))
