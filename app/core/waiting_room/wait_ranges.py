"""The wait that half of the visitors, and nine in ten, do not exceed: learned from the sale itself.

`wait_estimate.py` calculates a wait from the rate and from measurements. How far reality deviates depends on
the sale: on pauses, on caps, on chance. So for some lengths of a wait, `KNOTS_S`, the accuracy of shown waits
is tracked. A *prediction* is what a place in the queue is shown at a moment; once that place is called, or
has waited longer than shown, it is known whether the figure held. Then it moves by quantile tracking:

    q <- q + eta (err - alpha)        err: 1 if the wait was longer than q, else 0

(Gibbs and Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021; in this form in
Angelopoulos, Candes and Tibshirani, "Conformal PID control for time series prediction", NeurIPS 2023), where
q is the logarithm of the figure over the calculated wait. alpha is 1/2 for the p50. For the p90 it is 1/10
plus the excess caution of the sale so far: the error integration of the second paper.

Feedback arrives as late as a wait is long. So an error counts partly by what was shown then, which is what
must hold in the long run, and partly by what is shown now, so that a single pause is not learned again from
each prediction that it invalidated. Between knots the figures are interpolated. Nothing here knows a visitor
or a store.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from app.core.model import Pace
from app.core.ranges import KNOTS_S, Point, Ranges, between, range_of, with_end

MISSES, HALF = 0.1, 0.5
STEP = 0.055  # eta
STEP_MAX = 0.15  # maximum change per moment, whatever came true in it
BY_SHOWN = 0.6  # weight of what was shown then; the rest is by what would be shown now
PREDICTIONS_PER_WAIT = 25  # at a knot, over the duration of its wait
CREDIT = 1.6  # weight of past excess caution
MISSES_MIN, MISSES_MAX = 0.02, 0.4
KNOWN_AT_FIRST = 40.0  # predictions that held, assumed before the first real one
NEIGHBOUR = 0.1  # weight of a knot's result at the next longer one
BELOW = 0.2  # a p90 is never shown below the p50; the learned value may be, by this much
FACTOR_MAX = math.log(8)
PREDICTIONS_MAX = 100  # at a knot, not judged yet


class Prediction(NamedTuple):
    """What a place was shown at a moment."""

    target: int  # its number
    at_ms: int
    shown_s: int


class TrackedQuantile(msgspec.Struct, frozen=True):
    """A quantile: at each knot its logarithm over the calculated wait, and the predictions not yet judged."""

    logs: tuple[float, ...]
    predictions: tuple[tuple[Prediction, ...], ...] = ((),) * len(KNOTS_S)


class LearnedWaits(msgspec.Struct, frozen=True):
    """Everything learned from a sale."""

    p50: TrackedQuantile
    p90: TrackedQuantile
    known: float = KNOWN_AT_FIRST  # predictions whose p90 is known to have held or not
    missed: float = KNOWN_AT_FIRST * MISSES


class Judgement(NamedTuple):
    """The judgement of a knot's predictions at a moment."""

    errors: float
    known: int
    missed: int
    pending: tuple[Prediction, ...]


def learned_from(ranges: Ranges) -> LearnedWaits:
    """Reconstruct what another process had learned from the ranges it published."""
    points = [(math.log(p50 / at_s), math.log(p90 / at_s)) for at_s, p50, p90 in ranges[:-1]]
    return LearnedWaits(
        TrackedQuantile(tuple(it[0] for it in points)), TrackedQuantile(tuple(it[1] for it in points))
    )


def forgotten(learned: LearnedWaits) -> LearnedWaits:
    """The same without its predictions: it is no longer known when these places are called."""
    return msgspec.structs.replace(
        learned, p50=TrackedQuantile(learned.p50.logs), p90=TrackedQuantile(learned.p90.logs)
    )


def learn(learned: LearnedWaits, now_ms: int, passed: int) -> LearnedWaits:
    """Update at a moment at which `passed` was the last number called."""
    if not any(learned.p50.predictions) and not any(learned.p90.predictions):
        return learned
    misses = MISSES + CREDIT * (MISSES - learned.missed / learned.known)
    p50, _, _ = _track(learned.p50, HALF, now_ms, passed)
    p90, known, missed = _track(learned.p90, min(MISSES_MAX, max(MISSES_MIN, misses)), now_ms, passed)
    logs = tuple(max(most, even - BELOW) for even, most in zip(p50.logs, p90.logs, strict=True))
    p90 = msgspec.structs.replace(p90, logs=logs)
    return LearnedWaits(p50, p90, learned.known + known, learned.missed + missed)


def _track(
    tracked: TrackedQuantile, alpha: float, now_ms: int, passed: int
) -> tuple[TrackedQuantile, int, int]:
    logs, predictions, known, missed = list(tracked.logs), list(tracked.predictions), 0, 0
    for knot, open_predictions in enumerate(tracked.predictions):
        if not open_predictions:
            continue
        judgement = _judge(open_predictions, KNOTS_S[knot] * math.exp(logs[knot]), now_ms, passed, alpha)
        step = min(STEP_MAX, max(-STEP_MAX, STEP * judgement.errors))
        logs[knot] = min(FACTOR_MAX, max(-FACTOR_MAX, logs[knot] + step))
        predictions[knot], known, missed = (
            judgement.pending,
            known + judgement.known,
            missed + judgement.missed,
        )
        if alpha < HALF and step < 0:
            for further in range(knot + 1, len(logs)):
                logs[further] += step * NEIGHBOUR ** (further - knot)
    return TrackedQuantile(tuple(logs), tuple(predictions)), known, missed


def _judge(
    predictions: tuple[Prediction, ...], now_s: float, now_ms: int, passed: int, alpha: float
) -> Judgement:
    """Judge predictions. `now_s`: what would be shown now."""
    errors, known, missed, pending = 0.0, 0, 0, []
    for prediction in predictions:
        waited_s = (now_ms - prediction.at_ms) / 1000
        if prediction.target > passed and waited_s <= max(prediction.shown_s, now_s):
            pending.append(prediction)
            continue
        longer = waited_s > prediction.shown_s
        errors += BY_SHOWN * longer + (1 - BY_SHOWN) * (waited_s > now_s) - alpha
        known, missed = known + 1, missed + longer
    return Judgement(errors, known, missed, tuple(pending))


def note_shown(learned: LearnedWaits, now_ms: int, queue: tuple[int, int, int], pace: Pace) -> LearnedWaits:
    """Note what `pace` shows to places at the knots at this moment.

    `queue`: the number called last, how many numbers follow it, and how many of these wait.
    """
    passed, numbers, waiting = queue
    p50, p90 = list(learned.p50.predictions), list(learned.p90.predictions)
    for knot, at_s in enumerate(KNOTS_S):
        place = math.ceil(max(at_s / pace.first_s, (at_s - pace.base_s) / pace.each_s))
        last_ms = max((them[knot][-1].at_ms for them in (p50, p90) if them[knot]), default=-math.inf)
        if place > waiting or now_ms - last_ms < max(1.0, at_s / PREDICTIONS_PER_WAIT) * 1000:
            continue
        wait_s = min(place * pace.first_s, pace.base_s + place * pace.each_s)
        for them, shown_s in zip((p50, p90), range_of(wait_s, pace.ranges), strict=True):
            them[knot] = (
                *them[knot][-PREDICTIONS_MAX:],
                Prediction(passed + -(-place * numbers // waiting), now_ms, shown_s),
            )
    return msgspec.structs.replace(
        learned,
        p50=TrackedQuantile(learned.p50.logs, tuple(p50)),
        p90=TrackedQuantile(learned.p90.logs, tuple(p90)),
    )


def learned_ranges(learned: LearnedWaits) -> Ranges:
    """The learned points: a wait never falls with the place, nor is a p90 below its p50."""
    points, even, most = [], 0.0, 0.0
    for at_s, log_p50, log_p90 in zip(KNOTS_S, learned.p50.logs, learned.p90.logs, strict=True):
        even = max(even, round(at_s * math.exp(round(log_p50, 2)), 1))
        most = max(most, even, round(at_s * math.exp(round(log_p90, 2)), 1))
        points.append((at_s, even, most))
    return with_end(points)


def raised_by(shown: Ranges, ranges: Ranges, gained_s: float, longest_s: float) -> Ranges:
    """`ranges`, limited such that nobody waiting sees a longer wait than under `shown`.

    Everybody's calculated wait has fallen by at least `gained_s` since: that much may be taken back.
    """
    points = []
    for (at_s, *new), (_, *old) in _pairs(ranges, shown):
        less, more = between(max(0.0, at_s - gained_s), shown), between(at_s + gained_s, shown)
        rises = (min(was - a, b - was) for was, a, b in zip(old, less, more, strict=True))  # the less steep
        even, most = (min(it, was + rise) for it, was, rise in zip(new, old, rises, strict=True))
        points.append((at_s, even, most))
    raised = with_end(points)
    if is_nowhere_above(raised, shown, gained_s, longest_s):
        return raised
    return with_end([(at_s, min(a, c), min(b, d)) for (at_s, a, b), (_, c, d) in _pairs(ranges, shown)])


def _pairs(first: Ranges, other: Ranges) -> Iterator[tuple[Point, Point]]:
    return zip(first[:-1], other[:-1], strict=True)


def is_nowhere_above(new: Ranges, old: Ranges, gained_s: float, longest_s: float) -> bool:
    """Whether `new` shows no calculated wait up to the longest longer than `old` showed one that is longer by
    `gained_s`."""
    bends = {it[0] for it in new} | {it[0] - gained_s for it in old}
    bends = {at_s for at_s in bends if 0 < at_s < longest_s} | {longest_s}
    return all(
        after <= before + 1e-6
        for at_s in bends
        for after, before in zip(between(at_s, new), between(at_s + gained_s, old), strict=True)
    )
