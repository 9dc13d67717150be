"""The configured rate compared with actual calls, from a room's history. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from app.core.waiting_room.history import Step


class RateKept(msgspec.Struct, frozen=True):
    """Over the time in which the room was open and somebody waited; all per minute."""

    set: int  # average
    called: int
    most_called: int  # in the step with the most calls
    set_then: int
    minutes: int


def rate_kept(steps: Sequence[Step], step_s: int) -> RateKept | None:
    """Compute from the history, oldest step first. None: nobody ever waited while the room was open.

    A step after a gap does not count, because its calls cover a longer time.
    """
    allowed = called = seconds = 0
    most, then = 0.0, 0
    for (before, _), (step, samples) in pairwise(steps):
        adjacent = step.at_ms - before.at_ms == 1000 * step_s
        if not adjacent or "open" not in (step.state, before.state) or not step.waiting or not samples:
            continue
        calls = step.admitted - before.admitted if step.admitted >= before.admitted else step.admitted
        allowed, called, seconds = allowed + step.rate_per_minute * samples, called + calls, seconds + samples
        if calls * 60 / samples > most:
            most, then = calls * 60 / samples, max(step.rate_per_minute, before.rate_per_minute)
    if not seconds:
        return None
    minutes = max(1, round(seconds / 60))
    return RateKept(round(allowed / seconds), round(called * 60 / seconds), round(most), then, minutes)
