"""A room's history: samples of its live numbers, the steps they are rolled up into, and rates computed from
them.

A sample is taken each second and kept for a quarter of an hour. A step summarises all samples of 10 s, kept
for a day, or of a minute, kept as long as the room.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from app.core.model import Pace, RoomSettings, RoomState, RoomStatus
from app.core.waiting_room.wait_estimate import at_rate, published_pace, starting_pace, wait_range_s

EVERY_MS = 1_000
KEPT_MS = 15 * 60_000
KEPT_MAX = KEPT_MS // EVERY_MS
FINE_S, COARSE_S = 10, 60  # the lengths of steps
ALL = 1 << 62  # beyond every time: rolls up the current step, too
SETTLED_MS = 3_000  # after its end, until all samples of a step have been stored
SHOWN_MAX = 720  # steps shown of a whole sale; they get wider for longer sales
WIDTHS_S = (FINE_S, COARSE_S, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 604_800)
RATE_OVER_MS = 10_000  # rates over less time are noise
CAP_REACHED = 0.95  # called + active as a share of the cap; from here on the cap is what holds the queue back


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A room at one moment. Counters start at its creation or the last loss of Redis."""

    at_ms: int
    state: RoomState
    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    rate_per_minute: int
    cap: int | None
    joined: int
    no_shows: int
    requests: int  # for tickets, in total
    backlog: int  # of them not settled yet
    free: int | None
    held: int | None
    sold: int | None
    reserve_p99_ms: int | None  # of all rooms together
    serving_position: int = 0
    last_number: int = 0
    pace: tuple[float, float, float] | None = None  # first_s, base_s, each_s of shown waits; None: none shown
    generation: str = ""  # of the room: samples of a deleted or reset one do not belong to this one
    admitted: int = 0  # total calls
    leavers: int = 0  # visitors who left on their own, from the queue, a call or a session
    ranges: str = ""  # p50 and p90 of shown waits, as in the pace; "": nothing was learned yet


class Step(NamedTuple):
    """The samples of a step combined: levels and counters as of its end; of waiting, called, inside,
    backlog and p99 the maximum."""

    sample: Sample  # at_ms: the end of the step
    samples: int  # samples present; a step of 10 s has 10 unless some are missing


class Point(msgspec.Struct, frozen=True):
    """One moment in the graphs."""

    at_ms: int
    waiting: int
    inflow: int  # per minute
    outflow: int
    rate: int
    inside: int  # called + active
    cap: int | None
    no_shows: int  # per minute
    requests: float  # per second
    backlog: int
    free: int | None
    held: int | None
    sold: int | None
    p99_ms: int | None


def points(samples: Sequence[Sample]) -> list[Point]:
    """Compute the points of the graphs from samples, oldest first."""
    times = [it.at_ms for it in samples]
    return [_point(it, samples[_base(times, i)]) for i, it in enumerate(samples)]


def steps(samples: Sequence[Sample], step_s: int, now_ms: int) -> Iterator[Step]:
    """Roll up samples, oldest first; a step that may be incomplete is left out."""
    for end_ms, group in groupby(samples, lambda it: step_end_ms(it.at_ms, step_s)):
        if end_ms <= now_ms - SETTLED_MS:
            yield _step(end_ms, list(group))


def step_end_ms(at_ms: int, step_s: int) -> int:
    """The end of the step that contains a moment; a step includes its end."""
    return -(-at_ms // (1000 * step_s)) * 1000 * step_s


def step_s_for(span_s: float) -> int:
    """The length of the steps in which a sale of this duration is shown."""
    return step_of(span_s, SHOWN_MAX)


def step_of(span_s: float, steps_max: int) -> int:
    """The length (s) of the shortest steps of which at most `steps_max` cover this span."""
    return next((it for it in WIDTHS_S if span_s <= it * steps_max), WIDTHS_S[-1])


def since_creation(stored: Sequence[Sample], step_s: int) -> list[Point]:
    """The points of a room's steps from its first on; all counters were 0 before it."""
    if not stored:
        return []
    first = stored[0]
    before = msgspec.structs.replace(
        first, at_ms=first.at_ms - 1000 * step_s, joined=0, no_shows=0, requests=0
    )
    return points([before, *stored])[1:]


def _step(end_ms: int, samples: Sequence[Sample]) -> Step:
    return Step(
        msgspec.structs.replace(
            samples[-1],
            at_ms=end_ms,
            waiting=max(it.waiting for it in samples),
            called=max(it.called for it in samples),
            active=max(it.active for it in samples),
            backlog=max(it.backlog for it in samples),
            reserve_p99_ms=max(
                (it.reserve_p99_ms for it in samples if it.reserve_p99_ms is not None), default=None
            ),
        ),
        len(samples),
    )


def p99_ms(counts: Sequence[int], bounds_s: Sequence[float]) -> int | None:
    """The 99th percentile of a histogram; its last bucket has no bound. None: it is empty."""
    total = sum(counts)
    if not total:
        return None
    rest = 0.99 * total
    for i, count in enumerate(counts[:-1]):
        if count and rest <= count:
            lower = bounds_s[i - 1] if i else 0.0
            return max(1, round(1000 * (lower + (bounds_s[i] - lower) * rest / count)))
        rest -= count
    return round(1000 * bounds_s[-1])


def last_in_queue_s(
    status: RoomStatus, settings: RoomSettings, changed: RoomSettings
) -> tuple[int, int] | None:
    """How long the last in the queue would wait with the changed settings, by the estimate visitors get.

    None: nobody is called, or it is not known yet how fast people leave. A measured pace stays valid as far
    as the rate or the cap determines it: changing the other one changes nothing.
    """
    rate = changed.admission_rate_per_minute
    if rate == 0:
        return None
    unchanged = changed.active_visitors_max == settings.active_visitors_max
    if unchanged and rate == settings.admission_rate_per_minute:
        pace = published_pace(status, rate)  # what visitors are shown
    else:
        pace = _changed_pace(status, settings, changed)
    return wait_range_s(max(0, status.waiting - 1), pace, rate) if pace else None


def _changed_pace(status: RoomStatus, settings: RoomSettings, changed: RoomSettings) -> Pace | None:
    rate = changed.admission_rate_per_minute
    cap, inside = settings.active_visitors_max, status.called + status.active
    if cap is not None and inside >= CAP_REACHED * cap:  # slots become free at their own pace
        more = (changed.active_visitors_max or 10 * cap) / cap
        return _flowing(_outflow(status, settings) * more, rate)
    if changed.active_visitors_max is not None and inside >= changed.active_visitors_max:
        return _flowing(_outflow(status, settings), rate)
    return at_rate(status.pace or starting_pace(rate), rate)


def _outflow(status: RoomStatus, settings: RoomSettings) -> float:
    """People a minute who leave and make room: as measured for visitors, else over the last minute."""
    pace = published_pace(status, settings.admission_rate_per_minute)
    if status.blocked != "cap" or pace is None:
        return status.outflow_per_minute
    return 60 / pace.each_s


def _flowing(outflow_per_minute: float, rate: int) -> Pace | None:
    """The pace at this outflow, at most the rate. None: nobody was seen to leave."""
    each_s = 60 / min(rate, outflow_per_minute) if outflow_per_minute > 0 else 0.0
    return Pace(rate, each_s, 0.0, each_s) if each_s else None


def _base(times: Sequence[int], i: int) -> int:
    """The index of the sample from which the rates of sample `i` are computed."""
    return min(max(0, i - 1), max(0, bisect_right(times, times[i] - RATE_OVER_MS, 0, i) - 1))


def _point(sample: Sample, base: Sample) -> Point:
    span_ms = sample.at_ms - base.at_ms

    def grown(now: int, before: int) -> float:
        """The increase per second; 0 when the counter restarted."""
        return max(0, now - before) * 1000 / span_ms if span_ms else 0.0

    return Point(
        at_ms=sample.at_ms,
        waiting=sample.waiting,
        inflow=round(60 * grown(sample.joined, base.joined)),
        outflow=sample.outflow_per_minute,
        rate=sample.rate_per_minute,
        inside=sample.called + sample.active,
        cap=sample.cap,
        no_shows=round(60 * grown(sample.no_shows, base.no_shows)),
        requests=round(grown(sample.requests, base.requests), 1),
        backlog=sample.backlog,
        free=sample.free,
        held=sample.held,
        sold=sample.sold,
        p99_ms=sample.reserve_p99_ms,
    )
