"""The arithmetic and decisions of the waiting room."""

from __future__ import annotations

import hashlib
import hmac
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict, ValidationFailed
from app.core.model import RoomSettings, RoomState
from app.core.waiting_room import rules

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ONE = datetime(2026, 11, 21, 13, tzinfo=UTC)
NOON_MS = 1_795_262_400_000


def settings(**fields: Any) -> RoomSettings:
    return RoomSettings(name="Hall", **fields)


def test_a_draw_is_the_first_52_bits_that_anyone_can_check() -> None:
    seed, visitor_id = bytes(range(32)), "q83vEjRWeJCrze8SNFZ4kA"
    digest = hmac.new(seed, visitor_id.encode(), hashlib.sha256).hexdigest()
    assert rules.draw_of(seed, visitor_id) == int(digest[:13], 16)
    assert rules.commitment(seed) == hashlib.sha256(seed).hexdigest()


@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=30))
def test_a_draw_is_exact_as_a_score(seed: bytes, visitor_id: str) -> None:
    draw = rules.draw_of(seed, visitor_id)
    assert 0 <= draw < 2**52
    assert int(float(draw)) == draw


@given(st.integers(0, 10**6), st.one_of(st.none(), st.integers(0, 10**6)), st.floats(0, 1))
def test_polls_are_two_seconds_to_some_minutes_apart(ahead: int, p50: int | None, jitter: float) -> None:
    assert 2 <= rules.poll_after_s(ahead, p50, jitter) <= 750


@given(st.integers(15, 10**6), st.integers(20, 10**5), st.floats(0, 1))
def test_who_expects_to_be_called_asks_before_that(ahead: int, p50: int, jitter: float) -> None:
    assert rules.poll_after_s(ahead, p50, jitter) <= max(p50, math.ceil(1.25 * rules.ASK_FAR_MIN_S))


def test_whoever_is_far_away_asks_rarely() -> None:
    cases = ((0, 1), (3, 1), (100, 10), (100, 100), (9_999, 9_999))
    assert [rules.poll_after_s(ahead, p50, 0.5) for ahead, p50 in cases] == [2, 8, 30, 75, 600]


def test_while_nobody_is_called_nobody_asks_often() -> None:
    assert [rules.poll_after_s(ahead, None, 0.5) for ahead in (0, 100, 300, 10_000)] == [75, 100, 300, 600]


@pytest.mark.parametrize(
    ("state", "now_ms", "expected"),
    [
        ("scheduled", NOON_MS - 1, "scheduled"),
        ("scheduled", NOON_MS, "open"),
        ("prequeue", NOON_MS, "open"),
        ("paused", NOON_MS, "paused"),
        ("closed", NOON_MS, "closed"),
        ("paused", NOON_MS + 3_600_000, "closed"),
        ("scheduled", NOON_MS + 3_600_000, "closed"),
    ],
)
def test_the_schedule_decides_the_state(state: RoomState, now_ms: int, expected: str) -> None:
    assert rules.due_state(state, settings(opens_at=NOON, closes_at=ONE), now_ms) == expected


def test_a_pre_queue_begins_once_from_scheduled() -> None:
    timed = settings(prequeue_at=NOON)
    assert rules.due_state("scheduled", timed, NOON_MS) == "prequeue"
    assert rules.due_state("open", timed, NOON_MS) == "open"


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        (
            "open",
            {"scheduled": "open", "prequeue": "open", "open": "open", "paused": "open", "closed": "open"},
        ),
        ("pause", {"open": "paused", "paused": "paused"}),
        ("resume", {"open": "open", "paused": "open"}),
        (
            "close",
            {
                "scheduled": "closed",
                "prequeue": "closed",
                "open": "closed",
                "paused": "closed",
                "closed": "closed",
            },
        ),
    ],
)
def test_a_step_of_staff_leads_somewhere_or_is_a_conflict(
    action: rules.RoomAction, allowed: dict[str, str]
) -> None:
    states: tuple[RoomState, ...] = ("scheduled", "prequeue", "open", "paused", "closed")
    for state in states:
        if state in allowed:
            assert rules.state_after(state, action) == allowed[state]
        else:
            with pytest.raises(Conflict):
                rules.state_after(state, action)


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"prequeue_at": ONE, "opens_at": NOON}, "opens_at"),
        ({"opens_at": NOON, "closes_at": NOON}, "closes_at"),
        ({"prequeue_at": NOON, "closes_at": NOON}, "closes_at"),
    ],
)
def test_times_out_of_order_are_refused_by_name(times: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rules.check_times(settings(**times))
    assert refused.value.members["errors"][0]["field"] == field


def test_a_pre_queue_may_begin_with_the_opening() -> None:
    rules.check_times(settings(prequeue_at=NOON, opens_at=NOON, closes_at=ONE))


def test_waits_are_told_from_how_the_line_moved() -> None:
    """Two per second join for five seconds; one per second is called."""
    progress = [(second * 1_000, second, min(10, 2 * second)) for second in range(1, 11)]
    assert rules.wait_percentiles_s(progress) == {"p50": 2, "p90": 4, "p99": 4}
    assert rules.wait_percentiles_s([(1_000, 0, 5)]) is None
    assert rules.wait_percentiles_s([]) is None


def test_number_blocks_grow_with_the_crowd() -> None:
    """So a rush from nothing to a million queries Postgres only a few dozen times."""
    last, rounds = 0, 0
    while last < 1_000_000:
        last, rounds = last + rules.numbers_block(last), rounds + 1
    assert rounds < 40
