"""The token bucket of a room as its public log tells it; with the arithmetic of `include/bucket.lua`."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

MINUTE_MS = 60_000
ROUNDING_MS = 2  # between the time of a leaf and that of the script it comes from


@dataclass
class Bucket:
    """How many calls the rate allows now. After a restore it is taken for full."""

    rate: float = 0  # a minute
    burst: float = 0
    open: bool = False
    level: float = inf
    at_ms: int = 0

    def settle(self, at_ms: int) -> None:
        """Fill it up to now. What is given back at this moment comes on top of a full one, as in a tick."""
        if at_ms == self.at_ms:
            return
        more = (at_ms - self.at_ms) * self.rate / MINUTE_MS if self.open else 0
        self.level, self.at_ms = min(self._capacity(), self.level + more), at_ms

    def fill(self) -> None:
        """It is full, or nothing is known of it."""
        self.level = inf

    def charge(self) -> bool:
        """Take one token; False: there was none."""
        self.level -= 1
        if self.level >= -1 - ROUNDING_MS * self.rate / MINUTE_MS:
            return True
        self.level = 0
        return False

    def give_back(self) -> None:
        """The token of a turn that was not taken up."""
        self.level += 1

    def _capacity(self) -> float:
        return max(self.burst, self.rate / 60, 1)
