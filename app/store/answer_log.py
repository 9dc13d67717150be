"""When a store answered in time, as one process knows it by asking again and again."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

SLOW_S = 0.5  # whoever waits for longer may have given up
OUTAGES_MAX = 20


class Outage(NamedTuple):
    """A time in which nobody could count on an answer, on the monotonic clock."""

    from_s: float  # when it was last asked what it answered in time
    until_s: float


class AnswerLog:
    """Of one store. An outage is noticed late, or only once it is over; it counts from the last answer."""

    def __init__(self) -> None:
        self.answered_at = float("inf")  # asked then, it answered
        self.outages: deque[Outage] = deque(maxlen=OUTAGES_MAX)  # that are over, the latest last
        self._failed = False

    def answered(self, asked_at: float, now: float) -> None:
        """It did what it was asked."""
        if self._failed or now - asked_at > SLOW_S:
            self.outages.append(Outage(min(self.answered_at, asked_at), now))
        self._failed, self.answered_at = False, asked_at

    def failed(self) -> None:
        """It refused, or did not answer."""
        self._failed = True
