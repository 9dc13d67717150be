"""The token bucket of a room as reconstructed from its public log, with the arithmetic of
`include/bucket.lua`."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

MINUTE_MS = 60_000
ROUNDING_MS = 2  # between a leaf's time and that of the script that noted it


@dataclass
class Bucket:
    """How many calls the rate allows now. After a restore it is assumed full."""

    rate: float = 0  # per minute
    burst: float = 0
    open: bool = False
    level: float = inf
    at_ms: int = 0

    def settle(self, at_ms: int) -> None:
        """Refill up to now. Tokens returned at this moment come on top of a full bucket, as in a tick."""
        if at_ms == self.at_ms:
            return
        more = (at_ms - self.at_ms) * self.rate / MINUTE_MS if self.open else 0
        self.level, self.at_ms = min(self._capacity(), self.level + more), at_ms

    def fill(self) -> None:
        """Assume a full bucket: it is, or its level is unknown."""
        self.level = inf

    def charge(self) -> bool:
        """Take one token; False if there is none."""
        self.level -= 1
        if self.level >= -1 - ROUNDING_MS * self.rate / MINUTE_MS:
            return True
        self.level = 0
        return False

    def give_back(self) -> None:
        """Return the token of an unclaimed turn."""
        self.level += 1

    def _capacity(self) -> float:
        return max(self.burst, self.rate / 60, 1)
