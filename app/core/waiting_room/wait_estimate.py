"""Wait estimation: the wait shown to visitors, and how it follows measurements.

With R people called per second, a share q of them no-shows whose tokens come back when their claim window W
ends, the k-th in the queue is called after

    T(k) = min(k / R,  (k (1 - q) + q W R / (1 - q) - P) / R)

where P tokens are on their way back already. Near the front each call costs a token. Further back only those
who claim do: k calls cost k (1 - q) tokens, and the others come back one window late. (The mean by Wald's
identity; in the long run R / (1 - q) are called per second, so by Little's law q W R / (1 - q) tokens are on
their way.) So a wait is the lesser of two straight lines in k, three numbers for the whole room: `Pace`. When
people inside or tickets hold the queue back, not the rate, both lines are k / v, v being the outflow.

A shown wait never rises, unless the rate fell or the room was paused: a new pace is adopted only if no place
in the queue would be shown a longer wait. An action by staff, or a measurably slower queue, replaces it, and
`since_ms` and `why` tell everybody. That is all the state there is: one pace per room, none per visitor.
"""

from __future__ import annotations

import math

import msgspec

from app.core.model import Pace, RoomState, RoomStatus, Slower
from app.core.ranges import NOT_LEARNED, range_of
from app.core.waiting_room import wait_ranges
from app.core.waiting_room.wait_ranges import LearnedWaits

CLAIMS_SOON_MS = 30_000  # unclaimed calls older than this are rarely claimed; `admit.lua` counts them
MEMORY_CALLS_S = 600.0  # window in which no-shows are counted
MEMORY_FLOW_S = 120.0  # window in which the outflow is measured
MEMORY_HELD_S = 20.0  # window in which it is measured what holds the queue back
CAUTIOUS = 1.0  # standard errors: a wait falls as soon as it is this likely
BOLD = 2.0  # and rises only when it is this certain
HELD_BACK = 0.3  # share of time held back by something other than the rate from which the outflow counts
LONGER_TIMES, LONGER_PLUS_S = 1.1, 10.0  # a longer wait is shown once it is longer by this much
CAP_SEEN_S = 10.0  # how long the outflow still counts after the cap was full
RATE_HOLDS, FLOW_MIN = 0.7, 10  # a full cap that still admits this share of the rate, and this many a minute
SHORTER_TIMES = 0.995  # smaller changes are not worth a write


class Moment(msgspec.Struct, frozen=True):
    """A tick's observation. Counters only grow; `unclaimed`: called longer ago than `CLAIMS_SOON_MS`."""

    now_ms: int
    state: RoomState
    rate_per_minute: int
    claim_window_ms: int
    waiting: int
    called: int
    admitted: int
    no_shows: int
    unclaimed: int
    tokens_left: bool  # somebody waits, and the rate would allow a call
    stay_ms: int = 0  # with a full cap, the interval of departures if everybody stays to the end; else 0
    passed: int = 0  # the number called last; the count of calls, where each lane has its own numbers
    ahead: int = 0  # how many more of them to the end of the queue; 0: not known


class QueueMeasurements(msgspec.Struct, frozen=True):
    """What one process has measured of a queue; sums decay with time."""

    last: Moment | None = None
    before: RoomState = "open"  # of the moment before the last
    marks: tuple[tuple[int, int], ...] = ()  # (now_ms, admitted) of the last moments
    judged: tuple[int, int] = (0, 0)  # calls old enough to count, and how many of these were not claimed
    calls: float = 0.0  # such calls, decaying
    missed: float = 0.0
    held: float = 0.0  # share of time in which something other than the rate held the queue back
    flow: float = 0.0  # calls in such time
    flow_s: float = 0.0  # length of that time
    moved: int = 0  # calls since the moment before the last
    learned: LearnedWaits | None = None  # accuracy of shown waits; None: nothing was shown yet


def wait_range_s(ahead: int, pace: Pace | None, rate_per_minute: int) -> tuple[int, int] | None:
    """How long a visitor with `ahead` in front will wait: p50 and p90. None: nobody is called."""
    if rate_per_minute == 0:
        return None
    pace = pace or starting_pace(rate_per_minute)
    return range_of(wait_s(pace, ahead + 1), pace.ranges)


def longest_s(seconds: float) -> int:
    """The wait that nine in ten do not exceed, from the calculation alone."""
    return range_of(seconds, NOT_LEARNED)[1]


def wait_s(pace: Pace, position: int) -> float:
    """The wait of the k-th in the queue."""
    return min(position * pace.first_s, pace.base_s + position * pace.each_s)


def starting_pace(rate_per_minute: int) -> Pace:
    """The pace before any measurement: everybody claims, and only the rate limits the queue."""
    each_s = 60 / rate_per_minute
    return Pace(rate_per_minute, each_s, 0.0, each_s)


def at_rate(pace: Pace, rate_per_minute: int) -> Pace:
    """The pace at another rate, with the same no-shows."""
    times = pace.rate_per_minute / rate_per_minute
    return Pace(rate_per_minute, pace.first_s * times, pace.base_s, pace.each_s * times, ranges=pace.ranges)


def measure(measured: QueueMeasurements, now: Moment) -> QueueMeasurements:
    """Update the measurements with a moment. Moments may be late or missing."""
    last = measured.last
    if last is None or now.admitted < last.admitted or now.now_ms < last.now_ms:  # first, or Redis was lost
        return _begun(now, measured)
    passed_s = (now.now_ms - last.now_ms) / 1000
    marks = (*measured.marks, (now.now_ms, now.admitted))
    soon_ms = min(CLAIMS_SOON_MS, now.claim_window_ms // 2)
    while len(marks) > 1 and marks[1][0] <= now.now_ms - soon_ms:
        marks = marks[1:]
    old = marks[0][1] if marks[0][0] <= now.now_ms - soon_ms else measured.judged[0]
    fade, judged = math.exp(-passed_s / MEMORY_CALLS_S), (old, _missed(now))
    calls = measured.calls * fade + judged[0] - measured.judged[0]
    missed = measured.missed * fade + judged[1] - measured.judged[1]
    measured = msgspec.structs.replace(
        measured,
        last=now,
        before=last.state,
        moved=now.admitted - last.admitted,
        marks=marks,
        judged=judged,
        calls=max(0.0, calls),
        missed=min(max(0.0, missed), calls),
    )
    return _flowing(measured, last, now, passed_s)


def _begun(now: Moment, measured: QueueMeasurements) -> QueueMeasurements:
    """Start over with this moment, keeping what was learned about the accuracy of waits."""
    learned = wait_ranges.forgotten(measured.learned) if measured.learned else None
    marks, judged = ((now.now_ms, now.admitted),), (now.admitted, _missed(now))
    return QueueMeasurements(last=now, marks=marks, judged=judged, learned=learned)


def _missed(now: Moment) -> int:
    return now.no_shows + now.unclaimed


def _flowing(measured: QueueMeasurements, last: Moment, now: Moment, passed_s: float) -> QueueMeasurements:
    """Measure the flow; only time in which somebody waited in an open room counts."""
    if last.state != "open" or now.state != "open" or not (last.waiting and now.waiting):
        return measured
    held_fade = math.exp(-passed_s / MEMORY_HELD_S)
    if not (last.tokens_left and now.tokens_left):
        return msgspec.structs.replace(measured, held=measured.held * held_fade)
    fade = math.exp(-passed_s / MEMORY_FLOW_S)
    return msgspec.structs.replace(
        measured,
        held=1 - (1 - measured.held) * held_fade,
        flow=measured.flow * fade + now.admitted - last.admitted,
        flow_s=measured.flow_s * fade + passed_s,
    )


def estimate(measured: QueueMeasurements, errors: float) -> Pace | None:
    """The measured pace, slower by `errors` standard errors (negative: faster). None: nobody is called."""
    now = measured.last
    if now is None or now.rate_per_minute == 0:
        return None
    rate_s, share = now.rate_per_minute / 60, no_show_share(measured, errors)
    if now.stay_ms and measured.flow_s >= CAP_SEEN_S:
        return _behind_the_cap(measured, now, errors)
    if measured.held > HELD_BACK:
        held_s = measured.flow * (1 - errors / math.sqrt(measured.flow + 1)) / measured.flow_s
        flow_s = measured.held * min(held_s, rate_s) + (1 - measured.held) * rate_s / (1 - share)
        each_s = 1 / max(flow_s, rate_s / 1000)
        return Pace(now.rate_per_minute, each_s, 0.0, each_s)
    coming_back = now.unclaimed + share * (now.admitted - measured.judged[0])
    base_s = share * now.claim_window_ms / 1000 / (1 - share) - coming_back / rate_s
    return Pace(now.rate_per_minute, 1 / rate_s, max(0.0, base_s), (1 - share) / rate_s)


def _behind_the_cap(measured: QueueMeasurements, now: Moment, errors: float) -> Pace:
    """The pace behind a full cap: departures seen, plus one stay of full length as a prior."""
    left = measured.flow + 1
    flow_s = left * (1 - errors / math.sqrt(left + 1)) / (measured.flow_s + now.stay_ms / 1000)
    each_s = 1 / max(min(flow_s, now.rate_per_minute / 60), 1e-6)
    return Pace(now.rate_per_minute, each_s, 0.0, each_s)


def published_pace(status: RoomStatus, rate_per_minute: int) -> Pace | None:
    """The pace that waits are computed from now. None: nobody is called until something changes, or the
    cap is full and it is not known yet how fast people leave."""
    if rate_per_minute == 0 or status.state in ("closed", "sold_out") or status.blocked not in ("", "cap"):
        return None
    pace = status.pace or starting_pace(rate_per_minute)
    if status.blocked == "cap" and pace.first_s * rate_per_minute <= 60 * 1.001:
        moves = status.outflow_per_minute >= max(FLOW_MIN, RATE_HOLDS * rate_per_minute)
        return pace if moves else None
    return pace


def no_show_share(measured: QueueMeasurements, errors: float) -> float:
    """The no-show share, less `errors` standard errors (Wilson's score interval)."""
    if measured.calls < 1:
        return 0.0
    share, spread = measured.missed / measured.calls, errors * errors / measured.calls
    middle = (share + spread / 2) / (1 + spread)
    width = math.sqrt(share * (1 - share) / measured.calls + spread / measured.calls / 4) / (1 + spread)
    return min(0.95, max(0.0, middle - errors * width))


def learn(measured: QueueMeasurements, shown: Pace | None, published: Pace | None) -> QueueMeasurements:
    """Update what is known about the accuracy of shown waits. `published`: the pace visitors see, if any."""
    now = measured.last
    if now is None:
        return measured
    learned = measured.learned or wait_ranges.learned_from((shown or starting_pace(1)).ranges)
    if now.state not in ("open", "paused"):
        return msgspec.structs.replace(measured, learned=wait_ranges.forgotten(learned))
    learned = wait_ranges.learn(learned, now.now_ms, now.passed)
    if published is not None and now.waiting and now.ahead and now.state == "open":
        learned = wait_ranges.note_shown(learned, now.now_ms, (now.passed, now.ahead, now.waiting), published)
    return msgspec.structs.replace(measured, learned=learned)


def next_pace(shown: Pace | None, measured: QueueMeasurements) -> Pace | None:
    """The pace to show from now on, possibly unchanged. A longer wait always sets `since_ms`."""
    pace, now = _calculated(shown, measured), measured.last
    if pace is None or now is None or measured.learned is None or now.state != "open":
        return pace
    ranges = wait_ranges.learned_ranges(measured.learned)
    if shown is not None and ranges == shown.ranges:
        return pace
    if shown is None or pace.since_ms > shown.since_ms or now.waiting == 0:
        return msgspec.structs.replace(pace, ranges=ranges)
    longest, gained = wait_s(pace, now.waiting), measured.moved * shown.each_s
    if measured.before == "paused" and not wait_ranges.is_nowhere_above(ranges, shown.ranges, 0.0, longest):
        return _since(msgspec.structs.replace(pace, ranges=ranges), now, "paused")
    return msgspec.structs.replace(pace, ranges=wait_ranges.raised_by(shown.ranges, ranges, gained, longest))


def _calculated(shown: Pace | None, measured: QueueMeasurements) -> Pace | None:
    now, cautious, was_paused = measured.last, estimate(measured, CAUTIOUS), measured.before == "paused"
    if now is None or cautious is None or now.state not in ("open", "paused"):
        return shown
    if shown is None:
        return cautious if now.state == "open" else None
    if now.state == "paused":
        return shown if shown.why == "paused" and was_paused else _since(shown, now, "paused")
    likely = estimate(measured, 0.0) or cautious
    if now.waiting == 0:
        return _as_published(likely, shown)  # nobody is waiting
    if was_paused:  # visitors who joined since the resume were shown the previous pace
        return (
            _as_published(likely, shown)
            if is_nowhere_longer(likely, shown, now.waiting)
            else _since(likely, now, "paused")
        )
    if now.rate_per_minute < shown.rate_per_minute:
        return _since(likely, now, "rate_lowered")
    if all(_is_much_longer(it, shown, now.waiting) for it in (likely, estimate(measured, -BOLD) or cautious)):
        return _since(likely, now, "slower")
    return _shortened(shown, _as_published(cautious, shown), now.waiting)


def _shortened(shown: Pace, better: Pace, waiting: int) -> Pace:
    """The better pace if it is better for all; else the lesser of both, if that is two lines again."""
    lesser = msgspec.structs.replace(better, first_s=min(better.first_s, shown.each_s + shown.base_s))
    for pace in (better, lesser):
        if is_nowhere_longer(pace, shown, waiting) and _matters(pace, shown, waiting):
            return pace
    return shown


def _matters(new: Pace, old: Pace, waiting: int) -> bool:
    return any(wait_s(new, at) < wait_s(old, at) * SHORTER_TIMES for at in (waiting, (waiting + 1) // 2))


def is_nowhere_longer(new: Pace, old: Pace, waiting: int) -> bool:
    """Whether the new pace shows nobody in the queue a longer wait; compared where the lines bend."""
    places = {1, waiting}
    for bend in (_bend(new), _bend(old)):
        places |= {min(waiting, max(1, at)) for at in (math.floor(bend), math.ceil(bend))}
    return all(wait_s(new, at) <= wait_s(old, at) for at in places)


def _bend(pace: Pace) -> float:
    """The place from which the second line is the lesser one."""
    return pace.base_s / (pace.first_s - pace.each_s) if pace.first_s > pace.each_s else 0.0


def _is_much_longer(new: Pace, old: Pace, waiting: int) -> bool:
    return wait_s(new, waiting) > wait_s(old, waiting) * LONGER_TIMES + LONGER_PLUS_S


def _as_published(new: Pace, published: Pace) -> Pace:
    return msgspec.structs.replace(
        new, since_ms=published.since_ms, why=published.why, ranges=published.ranges
    )


def _since(pace: Pace, now: Moment, why: Slower) -> Pace:
    return msgspec.structs.replace(pace, since_ms=now.now_ms, why=why)
