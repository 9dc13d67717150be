"""A sale in retrospect: actual waits against those shown, slow minutes, gaps. No I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import fmean

import msgspec

from app.core.model import Pace
from app.core.ranges import KNOTS_S, read_ranges
from app.core.waiting_room.history import Sample, Step
from app.core.waiting_room.wait_estimate import wait_range_s

SAMPLED_MAX = 2_000  # visitors whose waits are examined, spread evenly over all numbers
LOOKS_MAX = 20  # points in time per wait
# The range shown before anything was learned: 1.2 times as long and 5 s.
FORMERLY = tuple((at_s, at_s, at_s * 1.2 + 5) for at_s in (*KNOTS_S, 1e9))
SLOWEST = 5
SEEN_SHARE = 0.8  # a step with a smaller share of its samples has a gap
QUIET = ("scheduled", "closed")  # in these states an empty room is not sampled


class Percentiles(msgspec.Struct, frozen=True):
    """Percentiles, in seconds."""

    p50: int
    p90: int
    p99: int


class Calibration(msgspec.Struct, frozen=True):
    """How accurate the shown waits were at any time during a wait: per visitor the share of points at
    which they were called within the wait shown, averaged over visitors. In percent; ideally 50 and 90."""

    even_percent: int
    most_percent: int


class Waits(msgspec.Struct, frozen=True):
    """How long called visitors had waited, and what had been shown to them when they joined.

    A shown wait is a range, from even odds to nine in ten. None: nobody was shown any.
    """

    real: Percentiles
    shown_even: Percentiles | None
    shown_most: Percentiles | None
    kept_percent: int | None  # of visitors shown a range, those who waited no longer than its upper end
    calibration: Calibration | None = None  # None: nobody was waiting at the end of a step


class SlowStep(msgspec.Struct, frozen=True):
    """A step of the history in which reserving was slow."""

    begin_ms: int
    end_ms: int
    p99_ms: int
    waiting: int
    requests: int
    backlog: int


class Gap(msgspec.Struct, frozen=True):
    """A time without data: no worker ran, or a store was unavailable."""

    begin_ms: int
    end_ms: int
    seconds: int  # without a sample


class Peak(msgspec.Struct, frozen=True):
    """The maximum, and when it occurred."""

    value: int
    at_ms: int


def waits(progress: Sequence[tuple[int, int, int]], steps: Sequence[Step]) -> Waits | None:
    """Compute waits from points (at_ms, serving_position, last_number) and the history, both oldest first.

    None: nobody was called.

    A number was given when `last_number` reached it, and called when the serving position did. What was shown
    follows from the pace of that time and the numbers ahead. Visitors called at once were shown nothing.
    """
    serving = list(accumulate((it[1] for it in progress), max))
    numbers = list(accumulate((max(it[1:]) for it in progress), max))
    if not serving or not serving[-1]:
        return None
    times = [it[0] for it in progress]
    ends, real, shown, looks = [it.sample.at_ms for it in steps], [], [], []
    for number in range(1, serving[-1] + 1, -(-serving[-1] // SAMPLED_MAX)):
        joined, called = bisect_left(numbers, number), bisect_left(serving, number)
        joined_ms, called_ms = progress[joined][0], progress[called][0]
        wait_s = max(0, called_ms - joined_ms) // 1000
        real.append(wait_s)
        at = bisect_left(ends, joined_ms)
        if called > joined and at < len(steps):
            range_s = _shown_range_s(steps[at], number - 1 - serving[joined])
            shown += [(*range_s, wait_s)] if range_s else []
        waited = range(bisect_left(ends, joined_ms), bisect_left(ends, called_ms))
        held = []
        for step in waited[:: -(-len(waited) // LOOKS_MAX) or 1]:
            served = serving[max(0, bisect_right(times, ends[step]) - 1)]
            range_s = _shown_range_s(steps[step], number - 1 - served)
            held += [[(called_ms - ends[step]) / 1000 <= it for it in range_s]] if range_s else []
        looks += [[fmean(it) for it in zip(*held, strict=True)]] if held else []
    within = sum(it[2] <= it[1] for it in shown)
    return Waits(
        _percentiles(real),
        _percentiles([it[0] for it in shown]) if shown else None,
        _percentiles([it[1] for it in shown]) if shown else None,
        round(100 * within / len(shown)) if shown else None,
        Calibration(*(round(100 * fmean(it)) for it in zip(*looks, strict=True))) if looks else None,
    )


def _shown_range_s(step: Step, ahead: int) -> tuple[int, int] | None:
    """The range shown at the end of a step to somebody with `ahead` in front. None: nothing."""
    sample = step.sample
    if sample.pace is None or sample.state != "open":
        return None
    ranges = read_ranges(sample.ranges) if sample.ranges else FORMERLY
    return wait_range_s(max(0, ahead), Pace(1, *sample.pace, ranges=ranges), 1)


def grown(steps: Sequence[Step], counter: str) -> int:
    """The total increase of a counter; it restarts when Redis is lost."""
    values = [0, *(getattr(it.sample, counter) for it in steps)]
    return sum(now - before if now >= before else now for before, now in pairwise(values))


def slowest(steps: Sequence[Step], step_s: int) -> list[SlowStep]:
    """The steps in which reserving took longest, the slowest first."""
    slow = []
    requests = [0, *(it.sample.requests for it in steps)]
    for before, (it, _) in zip(requests, steps, strict=False):
        if it.reserve_p99_ms is not None and it.requests > before:
            begin_ms, made = it.at_ms - 1000 * step_s, it.requests - before
            slow.append(SlowStep(begin_ms, it.at_ms, it.reserve_p99_ms, it.waiting, made, it.backlog))
    return sorted(slow, key=lambda it: (-it.p99_ms, it.begin_ms))[:SLOWEST]


def gaps(steps: Sequence[Step], step_s: int) -> list[Gap]:
    """The times without data between the first and the last step, the longest first.

    An empty room that is scheduled or closed is not sampled; that is not a gap.
    """
    found = [
        Gap(it.sample.at_ms - 1000 * step_s, it.sample.at_ms, step_s - it.samples)
        for it in steps[1:-1]
        if it.samples < SEEN_SHARE * step_s and not _is_quiet(it.sample)
    ]
    for (before, _), (after, _) in pairwise(steps):
        missing_ms = after.at_ms - before.at_ms - 1000 * step_s
        if missing_ms > 0 and not _is_quiet(before):
            found.append(Gap(before.at_ms, before.at_ms + missing_ms, missing_ms // 1000))
    return sorted(found, key=lambda it: (-it.seconds, it.begin_ms))


def most_waiting(steps: Sequence[Step]) -> Peak | None:
    """When the queue was longest. None: nobody ever waited."""
    longest = max((it.sample for it in steps), key=lambda it: it.waiting, default=None)
    return Peak(longest.waiting, longest.at_ms) if longest and longest.waiting else None


def most_joined(steps: Sequence[Step]) -> Peak | None:
    """The step in which most visitors joined. None: nobody did."""
    joined = [0, *(it.sample.joined for it in steps)]
    rates = [
        (max(0, now - before), it.sample.at_ms)
        for (before, now), it in zip(pairwise(joined), steps, strict=True)
    ]
    value, at_ms = max(rates, key=lambda it: it[0], default=(0, 0))
    return Peak(value, at_ms) if value else None


def sold_out_ms(steps: Sequence[Step]) -> int | None:
    """The end of the first step that ended with no ticket free or held. None: there was always one."""
    return next((it.sample.at_ms for it in steps if it.sample.state == "sold_out"), None)


def _is_quiet(sample: Sample) -> bool:
    return sample.state in QUIET or not (sample.waiting or sample.called or sample.active)


def _percentiles(values: Sequence[int]) -> Percentiles:
    ordered = sorted(values)
    return Percentiles(*(ordered[(len(ordered) - 1) * share // 100] for share in (50, 90, 99)))
