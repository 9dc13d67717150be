"""Rows that compare one load with another: the arithmetic of their ratios."""

from __future__ import annotations

import pytest

from load.measure.figures import Figure, Trial
from load.rows import later, scaling


def a_trial(web_us: float, valkey_us: float, per_s: float = 1_000.0) -> Trial:
    """A trial of 1,000 responses that took this many microseconds each, not counting the generator."""
    spent = {"web": web_us / 1_000, "valkey": valkey_us / 1_000, "wrk": 1.0}
    return Trial(
        per_s=per_s,
        p50_ms=1.0,
        p99_ms=2.0,
        good=1_000,
        answered={201: 1_000},
        broken=0,
        seconds=1.0,
        cpu_s=spent,
        batch=1.0,
    )


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    """Figures by subject."""
    return {it.what: it for it in figures}


def test_processes_are_compared_trial_by_trial_and_more_of_them_may_cost_no_more() -> None:
    trials = {
        1: [a_trial(100, 50), a_trial(200, 50)],
        2: [a_trial(100, 50), a_trial(200, 50)],
        4: [a_trial(110, 100), a_trial(260, 100)],
    }
    found = by_name(scaling.figures_of("joins", trials))
    assert found["joins, web, 4 : 1"].trials == pytest.approx([1.1, 1.3])
    assert found["joins, web, 4 : 1"].met is False
    assert found["joins, all CPU, 4 : 1"].trials == pytest.approx([210 / 150, 360 / 250])
    assert found["joins, 2 web: valkey, us"].median == pytest.approx(50)
    assert not any("wrk" in name for name in found)


def test_later_reservations_are_held_against_fresh_ones_by_cpu_and_by_rate() -> None:
    fresh = [a_trial(100, 100, 1_000), a_trial(300, 100, 500)]
    after = [a_trial(120, 100, 900), a_trial(300, 100, 500)]
    found = by_name(later.figures_of(fresh, after))
    assert found["CPU, later of fresh"].trials == pytest.approx([1.1, 1.0])
    assert found["slower by"].trials == pytest.approx([1_000 / 900, 1.0])
    assert found["slower by"].met is True
    assert found["web, us, later"].median == pytest.approx(210)
