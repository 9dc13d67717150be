"""What is recorded during a run: who arrived and was called when, and the state of the room."""

from __future__ import annotations

from array import array

import msgspec

from app.core.model import RoomStatus
from load.simulate.scenario import Scenario

MOMENTS_MAX = 1_200  # of the course of a run; when that is full, every other one is dropped
NOT_CALLED = -(2**62)


class Moment(msgspec.Struct, frozen=True):
    """The room at one moment, for the picture."""

    at_s: float
    waiting: int
    called: int
    active: int
    admitted: int
    paused: bool


class Record:
    """Arrays instead of objects: ten million fans take 24 bytes each."""

    def __init__(self, scenario: Scenario) -> None:
        self.arrived_ms = array("q")
        self.called_ms = array("q", [NOT_CALLED]) * scenario.fans
        self.order = array("q")  # who was called, in order
        self.claimed = 0
        self.last_call_ms = 0
        self.course: list[Moment] = []
        self.inside_ms = 0  # people inside, summed over time
        self.allowed = 0.0  # admissions that the rate allowed while somebody waited in an open room
        self._every_ms = 1000

    def called(self, fan: int, at_ms: int) -> bool:
        """Record a call; False if it was recorded before."""
        if self.called_ms[fan] != NOT_CALLED:
            return False
        self.called_ms[fan] = at_ms
        self.order.append(fan)
        self.last_call_ms = at_ms
        return True

    def ticked(self, at_ms: int, status: RoomStatus, rate_per_minute: int, tick_ms: int) -> None:
        """Record the state of the room."""
        self.inside_ms += status.active * tick_ms
        if status.state == "open" and status.waiting:
            self.allowed += rate_per_minute * tick_ms / 60_000
        if at_ms % self._every_ms or status.opened_at_ms == 0:
            return
        paused = status.state == "paused"
        self.course.append(
            Moment(at_ms / 1000, status.waiting, status.called, status.active, len(self.order), paused)
        )
        if len(self.course) >= MOMENTS_MAX:
            self.course = self.course[::2]
            self._every_ms *= 2
