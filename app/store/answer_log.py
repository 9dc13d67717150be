"""When a store answered in time, as observed by one process that keeps polling it."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

SLOW_S = 0.5  # callers that wait longer may have given up
OUTAGES_MAX = 20


class Outage(NamedTuple):
    """A period in which nobody could rely on an answer, on the monotonic clock."""

    from_s: float  # when the last request that it answered in time was sent
    until_s: float


class AnswerLog:
    """The log of one store. An outage is noticed late, or only once it is over; it counts from the last
    answer."""

    def __init__(self) -> None:
        self.answered_at = float("inf")  # when the last answered request was sent
        self.outages: deque[Outage] = deque(maxlen=OUTAGES_MAX)  # past ones, the latest last
        self._failed = False

    def answered(self, sent_at: float, now: float) -> None:
        """Record a request that succeeded."""
        if self._failed or now - sent_at > SLOW_S:
            self.outages.append(Outage(min(self.answered_at, sent_at), now))
        self._failed, self.answered_at = False, sent_at

    def failed(self) -> None:
        """Record a request that was refused or not answered."""
        self._failed = True
