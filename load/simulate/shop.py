"""A simulated shop: its latency and errors follow from recent admissions and from its capacity."""

from __future__ import annotations

from collections import deque
from random import Random

import msgspec

from app.core.waiting_room.autopilot import Reading

WINDOW_S = 5  # seconds covered by a report
BACKLOG_MAX_S = 5.0  # requests that would wait longer fail
BUSY_MAX = 0.95  # latency beyond this comes from the backlog


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """The characteristics of a shop."""

    base_ms: float = 100.0  # p95 when idle
    sharpness: int = 4  # how late latency begins to grow: 1 as with one server, 20 as with very many
    lag_s: float = 5.0  # how long a visitor's load lasts, on average
    noise: float = 0.1  # of each second's p95, either way


class ShopModel:
    """One shop, second by second. Its capacity is the visitors per minute that keep it busy all the time."""

    def __init__(self, shop: Shop, seed: int = 1) -> None:
        self._shop = shop
        self._random = Random(f"shop {seed}")
        self._load = 0.0  # the load, in visitors per minute
        self._backlog_s = 0.0  # of work
        self._seconds: deque[tuple[float, float]] = deque(maxlen=WINDOW_S)  # p95, errors
        self.served = 0.0  # visitors per minute, in the last second

    def second(self, admitted: float, capacity: float) -> None:
        """Let a second pass in which this many are admitted."""
        shop = self._shop
        self._load += (admitted * 60 - self._load) / shop.lag_s
        busy = self._load / capacity
        backlog_s = max(0.0, self._backlog_s + busy - 1)
        lost_s = max(0.0, backlog_s - BACKLOG_MAX_S)
        self._backlog_s = backlog_s - lost_s
        errors = min(1.0, lost_s / busy) if lost_s else 0.0
        self.served = min(self._load, capacity) * (1 - errors)
        p95_ms = idle_p95_ms(shop, min(busy, BUSY_MAX)) + 1000 * self._backlog_s
        self._seconds.append((p95_ms * (1 + self._random.uniform(-shop.noise, shop.noise)), errors))

    def report(self, at_ms: int) -> Reading:
        """The shop's report on the last seconds."""
        count = len(self._seconds)
        return Reading(
            at_ms=at_ms,
            p95_ms=sum(p95_ms for p95_ms, _ in self._seconds) / count,
            error_rate=sum(errors for _, errors in self._seconds) / count,
        )


def idle_p95_ms(shop: Shop, busy: float) -> float:
    """p95 at this share of the capacity, without a backlog."""
    return shop.base_ms * (1 + busy**shop.sharpness / (1 - busy))


def bears(shop: Shop, capacity: float, p95_ms: float) -> float:
    """The highest rate of visitors per minute at which p95 stays within its target in the long run."""
    low, high = 0.0, BUSY_MAX
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if idle_p95_ms(shop, middle) <= p95_ms else (low, middle)
    return low * capacity
