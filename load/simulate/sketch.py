"""A sale as arithmetic: a room whose calls are counted but not made, for hundreds of sales per minute.

It follows the rules of `admit.lua` for one lane, with a tick per second; `load.simulate.run` plays the
scripts themselves. What fans are shown comes from the product's own rule for waits (`app/core`).
"""

from __future__ import annotations

import heapq
from array import array
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

from app.core.model import Blocked, Pace, RoomState, RoomStatus
from app.core.waiting_room.wait_estimate import (
    Moment,
    QueueMeasurements,
    learn,
    measure,
    next_pace,
    published_pace,
    wait_range_s,
)

T = TypeVar("T")
CLAIM_MEAN_S = 5.0
SESSION_S = 600
SAMPLE_EVERY_S = 5


class Sale(NamedTuple):
    """A sale; times are seconds after the opening.

    `no_shows` and `stays`: from when on, and the share or the mean time inside.
    """

    arrivals: Sequence[float]
    rates: Sequence[tuple[int, int]]
    pauses: Sequence[tuple[int, int]] = ()
    no_shows: Sequence[tuple[int, float]] = ((0, 0.0),)
    stays: Sequence[tuple[int, float]] = ((0, 90.0),)
    cap: int | None = None
    claim_window_s: int = 120
    seed: int = 1
    sample: int = 60


class Prediction(NamedTuple):
    """The wait shown to one fan at one moment, and how long they waited from then on."""

    fan: int
    at_s: int
    p50_s: int
    p90_s: int
    real_s: float


class SketchedRoom:
    """The room's counts, and who will do what when."""

    def __init__(self, sale: Sale) -> None:
        self.sale = sale
        self.random = Random(f"habits {sale.seed}")
        self.at_s = 0
        self.joined = self.serving = self.active = self.no_shows = 0
        self.tokens = 0.0
        self.called_at = array("d")
        self.outflow: deque[int] = deque(maxlen=60)
        self.claims: list[float] = []
        self.lapses: deque[int] = deque()
        self.leaves: list[float] = []
        self.pace: Pace | None = None
        self.measured = QueueMeasurements()
        self.blocked: Blocked = ""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self.joined - self.serving

    @property
    def called(self) -> int:
        """How many have been called and have neither claimed nor lapsed."""
        return len(self.claims) + len(self.lapses)

    @property
    def rate(self) -> int:
        """People per minute."""
        return _now(self.sale.rates, self.at_s)

    @property
    def state(self) -> RoomState:
        """Open, or paused."""
        return "paused" if any(a <= self.at_s < b for a, b in self.sale.pauses) else "open"

    def tick(self) -> None:
        """Let one second pass."""
        sale, rate_s = self.sale, self.rate / 60
        while self.joined < len(sale.arrivals) and sale.arrivals[self.joined] <= self.at_s:
            self.joined += 1
        room = max(1.0, rate_s + 2)
        if self.state == "open":
            self.tokens += rate_s
        self._end_due()
        spare = sale.cap - self.called - self.active if sale.cap else self.waiting
        calls = min(self.waiting, int(self.tokens), max(0, spare)) if self.state == "open" else 0
        for _ in range(calls):
            self._call()
        self.tokens = min(room, self.tokens - calls)
        self.outflow.append(calls)
        full = sale.cap is not None and self.called + self.active >= sale.cap
        self.blocked = "cap" if full and self.waiting else ""
        published = published_pace(self.status(), self.rate)
        self.measured = learn(measure(self.measured, self._moment()), self.pace, published)
        self.pace = next_pace(self.pace, self.measured)

    def _end_due(self) -> None:
        while self.claims and self.claims[0] <= self.at_s:
            heapq.heappop(self.claims)
            self.active += 1
            stay = min(SESSION_S, self.random.expovariate(1 / _now(self.sale.stays, self.at_s)))
            heapq.heappush(self.leaves, self.at_s + max(1.0, stay))
        while self.lapses and self.lapses[0] <= self.at_s:
            self.lapses.popleft()
            self.no_shows += 1
            self.tokens += 1
        while self.leaves and self.leaves[0] <= self.at_s:
            heapq.heappop(self.leaves)
            self.active -= 1

    def _call(self) -> None:
        self.called_at.append(self.at_s)
        self.serving += 1
        if self.random.random() < _now(self.sale.no_shows, self.at_s):
            self.lapses.append(self.at_s + self.sale.claim_window_s)
            return
        after = max(1.0, self.random.expovariate(1 / CLAIM_MEAN_S))
        heapq.heappush(self.claims, self.at_s + min(after, self.sale.claim_window_s * 0.9))

    def _moment(self) -> Moment:
        window_ms = self.sale.claim_window_s * 1000
        soon_s = max(window_ms - 30_000, window_ms // 2) / 1000
        late = sum(1 for it in self.lapses if it <= self.at_s + soon_s)
        return Moment(
            now_ms=2_000_000_000_000 + self.at_s * 1000,
            state=self.state,
            rate_per_minute=self.rate,
            claim_window_ms=window_ms,
            waiting=self.waiting,
            called=self.called,
            admitted=self.serving,
            no_shows=self.no_shows,
            unclaimed=late,
            tokens_left=self.tokens >= 1 and self.waiting > 0,
            stay_ms=SESSION_S * 1000 // self.sale.cap if self.blocked and self.sale.cap else 0,
            passed=self.serving,
            ahead=self.waiting,
        )

    def status(self) -> RoomStatus:
        """The current numbers on which the shown wait depends."""
        return RoomStatus(
            now_ms=2_000_000_000_000 + self.at_s * 1000,
            version=1,
            epoch=1,
            state=self.state,
            serving_position=self.serving,
            last_number=self.joined,
            waiting=self.waiting,
            called=self.called,
            active=self.active,
            outflow_per_minute=sum(self.outflow),
            available=None,
            opened_at_ms=1,
            pace=self.pace,
            blocked=self.blocked,
        )


def play(sale: Sale) -> list[Prediction]:
    """Play a sale to its end; return what the sampled fans were shown, with a look every five seconds."""
    room, predictions = SketchedRoom(sale), []
    fans = len(sale.arrivals)
    every = max(1, fans // sale.sample)
    while room.serving < fans and room.at_s < 200_000:
        room.tick()
        if room.at_s % SAMPLE_EVERY_S == 0 and room.waiting and room.state == "open":
            pace = published_pace(room.status(), room.rate)
            first = -(-(room.serving - every // 2) // every) * every + every // 2
            for fan in range(first, room.joined, every) if pace else ():
                shown = wait_range_s(fan - room.serving, pace, room.rate)
                if shown is not None and fan >= room.serving:
                    predictions.append((fan, room.at_s, *shown))
        room.at_s += 1
    return [Prediction(*it, room.called_at[it[0]] - it[1]) for it in predictions]


def _now(steps: Sequence[tuple[int, T]], at_s: float) -> T:
    return next(value for since, value in reversed(steps) if since <= at_s)
