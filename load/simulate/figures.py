"""The figures of a finished run."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import msgspec

from load.simulate.crowd import lane_of_fan
from load.simulate.fairness import kendall_tau, ranks
from load.simulate.record import NOT_CALLED, Record
from load.simulate.scenario import Scenario
from load.simulate.shown_waits import SampledFan, ShownWait

SHARES = (10, 50, 90, 99, 100)


class Calibration(msgspec.Struct, frozen=True):
    """How well predicted waits came true. Shares of 0 to 1, over the fans of the sample; None: nobody waited.

    A fan's share is that of the waits shown to them, which are spread evenly over their wait: as if each fan
    had looked once, at a random moment. `at_joining` counts only the first.
    """

    fans: int
    p90_held: float | None  # the real wait was at most the p90 shown; ideal: 0.9
    inside: float | None  # the real wait was between p50 and p90; ideal: 0.4
    below_p50: float | None  # ideal: 0.5
    p90_held_at_joining: float | None
    range_width: float | None  # (p90 - p50) / the real wait, at a typical moment; the median over fans
    rises: int  # waits shown that were longer than the one before
    unexplained_rises: int  # of these, without a reason shown on the page


class LaneFigures(msgspec.Struct, frozen=True):
    """The fans of a lane, and how long they waited; lane 0 is the ordinary one."""

    lane: int
    fans: int
    wait_s: dict[str, int]


class Figures(msgspec.Struct, frozen=True):
    """The outcome of a run."""

    scenario: Scenario
    admitted: int  # fans who were called
    claimed: int
    still_waiting: int
    no_show_share: float
    lasted_s: float  # from the opening to the last call
    wait_s: dict[str, int]  # p10, p50, p90, p99, p100 of everybody who was called
    utilisation: float  # sessions as a share of what the rate allowed while anybody waited
    active_mean: float  # people inside, over time
    kendall_tau: float  # of arrival and admission; 1: nobody overtook
    shown: Calibration
    lanes: list[LaneFigures]  # empty: the room has none


def figures(scenario: Scenario, record: Record, sampled_fans: Sequence[SampledFan]) -> Figures:
    """Compute the figures from what was recorded."""
    admitted, lasted_s = len(record.order), record.last_call_ms / 1000
    return Figures(
        scenario=scenario,
        admitted=admitted,
        claimed=record.claimed,
        still_waiting=scenario.fans - admitted,
        no_show_share=1 - record.claimed / admitted if admitted else 0.0,
        lasted_s=lasted_s,
        wait_s=percentiles(_waits(record)),
        utilisation=record.claimed / record.allowed if record.allowed else 0.0,
        active_mean=record.inside_ms / 1000 / lasted_s if lasted_s else 0.0,
        kendall_tau=_tau(record, scenario.fans),
        shown=calibration(sampled_fans),
        lanes=_lanes(scenario, record) if scenario.lanes else [],
    )


def calibration(sampled_fans: Sequence[SampledFan]) -> Calibration:
    """Compare the shown waits with the real ones."""
    return Calibration(
        fans=len(sampled_fans),
        p90_held=_mean(it.held for it in sampled_fans),
        inside=_mean(it.inside for it in sampled_fans),
        below_p50=_mean(it.below for it in sampled_fans),
        p90_held_at_joining=_mean(_held(it, it.first) for it in sampled_fans),
        range_width=_median([it.width for it in sampled_fans]),
        rises=sum(it.rises for it in sampled_fans),
        unexplained_rises=sum(it.unexplained for it in sampled_fans),
    )


def percentiles(waits_s: Iterable[int]) -> dict[str, int]:
    """Percentiles by counting seconds: memory grows with the longest wait, not with the fans. All 0 if nobody
    waited."""
    counts = array("q")
    for wait_s in waits_s:
        if wait_s >= len(counts):
            counts.extend([0] * (wait_s + 1 - len(counts)))
        counts[wait_s] += 1
    total, found, below, second = sum(counts), {}, 0, -1
    for share in SHARES:
        while below * 100 < share * total:
            second += 1
            below += counts[second]
        found[f"p{share}"] = max(0, second)
    return found


def _waits(record: Record) -> Iterable[int]:
    """Everybody's wait; for those who arrived before the opening it counts from the opening."""
    pairs = zip(record.arrived_ms, record.called_ms, strict=False)
    return ((called - max(0, arrived)) // 1000 for arrived, called in pairs if called != NOT_CALLED)


def _lanes(scenario: Scenario, record: Record) -> list[LaneFigures]:
    waits: list[list[int]] = [[] for _ in range(len(scenario.lanes) + 1)]
    fans = [0] * len(waits)
    for fan, (arrived, called) in enumerate(zip(record.arrived_ms, record.called_ms, strict=False)):
        lane = lane_of_fan(fan, scenario)
        fans[lane] += 1
        if called != NOT_CALLED:
            waits[lane].append((called - max(0, arrived)) // 1000)
    return [LaneFigures(at, fans[at], percentiles(it)) for at, it in enumerate(waits)]


def _tau(record: Record, fans: int) -> float:
    everybody = len(record.order) == fans
    return kendall_tau(record.order if everybody else ranks(record.order, fans))


def _held(it: SampledFan, shown: ShownWait) -> float:
    return float(it.called_ms - shown.at_ms <= shown.p90_s * 1000)


def _mean(shares: Iterable[float]) -> float | None:
    known = list(shares)
    return sum(known) / len(known) if known else None


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None
