"""The rules of a simulated room, and what a visitor is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

UNIT = 60_000


@dataclass(frozen=True)
class Rules:
    """The settings that affect decisions. 0: no cap, the default burst, no such time."""

    rate: int = 600
    burst: int = 0
    active_max: int = 0
    claim_window_s: int = 5
    per_network: int = 0  # 0: by the size of the room
    session_ttl_s: int = 20
    visitors_per_ticket: float = 1.0
    lottery: bool = False
    ends_on_confirm: bool = True
    restore_window_s: int = 3
    prequeue_at_ms: int = 0
    opens_at_ms: int = 0
    closes_at_ms: int = 0
    lanes: tuple[int, ...] = ()  # their shares, the ordinary one's first; empty: no lanes

    @property
    def capacity(self) -> int:
        """The capacity of the bucket: the burst, but at least one second of the rate and one admission."""
        return max(self.burst * UNIT, self.rate * 1_000, UNIT)

    def of_one_network(self, free: float) -> int:
        """How many of one network may be called without having claimed, with this many tickets free."""
        most = [self.rate * self.claim_window_s / 60, self.active_max or math.inf]
        most.append(free * max(1, self.visitors_per_ticket))
        return self.per_network or max(3, math.ceil(min(most) / 20))

    def due(self, state: str, now_ms: int, *, may_open: bool, reopens: bool) -> str:
        """The state that the schedule requires now; empty: none."""
        if 0 < self.closes_at_ms <= now_ms and state != "closed":
            return "closed"
        if state in ("scheduled", "prequeue") and may_open and (reopens or 0 < self.opens_at_ms <= now_ms):
            return "open"
        return "prequeue" if state == "scheduled" and 0 < self.prequeue_at_ms <= now_ms else ""


@dataclass(frozen=True)
class Answer:
    """What one visitor is shown; `until_ms` is the claim deadline or the end of the session."""

    state: str
    number: int = 0
    ahead: int = -1
    until_ms: int = 0
    new: bool = False


def network_in_id(visitor: str) -> str:
    """The network that an anonymous visitor's id states; empty: none."""
    return visitor[22:] if len(visitor) == 26 else ""


def lane_of(visitor: str, lanes: Sequence[int]) -> int:
    """The lane of a visitor; a member's id ends in it."""
    last = visitor[22:] if len(visitor) == 23 else ""
    return int(last) if last.isdigit() and int(last) < len(lanes) else 0
