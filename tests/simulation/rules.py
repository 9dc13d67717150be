"""The rules of a simulated room, and what a visitor is shown."""

from __future__ import annotations

from dataclasses import dataclass

UNIT = 60_000


@dataclass(frozen=True)
class Rules:
    """The settings of a room that decide something. 0: no cap, the default burst, no such time."""

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

    @property
    def capacity(self) -> int:
        """How much the bucket holds: the burst, never less than one second of the rate or one admission."""
        return max(self.burst * UNIT, self.rate * 1_000, UNIT)


@dataclass(frozen=True)
class Standing:
    """What one visitor is shown; `until_ms` is the claim deadline or the end of the session."""

    state: str
    number: int = 0
    ahead: int = -1
    until_ms: int = 0
    new: bool = False
