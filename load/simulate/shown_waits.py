"""What sampled fans are shown while they wait, compared with how long they waited.

A fan is sampled by their place in the order of arrival, so the sample is the same for every seed. All waiting
fans of the sample look at the same moments, spread evenly over their wait, like anybody who leaves the page
open.
"""

from __future__ import annotations

from array import array
from itertools import pairwise

import msgspec

from app.core.model import Place, RoomStatus
from app.core.waiting_room.members import place_in_room
from app.core.waiting_room.wait_estimate import wait_range_s
from load.simulate.crowd import fan_id
from load.simulate.room import SimulatedRoom
from load.simulate.scenario import Scenario

SAMPLES_PER_RUN = 250  # at most, so that a long queue costs no more than a short one
SAMPLE_EVERY_S = 5


class ShownWait(msgspec.Struct, frozen=True):
    """What a fan was shown at a moment, in seconds; the moment is in ms after the opening."""

    at_ms: int
    ahead: int
    p50_s: int
    p90_s: int
    may_rise: int  # how often the rate had fallen or the room had been paused by then
    longer_since_ms: int  # since when the page has said that waits became longer; 0: never


class SampledFan(msgspec.Struct, frozen=True):
    """One fan after their wait."""

    fan: int
    arrived_ms: int
    called_ms: int
    first: ShownWait
    held: float  # share of the waits shown whose p90 held
    inside: float  # share of those after which the wait was between p50 and p90
    below: float  # share of those after which the wait was shorter than p50
    width: float  # (p90 - p50) / the remaining wait, in the middle of their wait
    rises: int  # waits shown that were longer than the one before
    unexplained: int  # of these, without a new reason shown on the page


class WaitSample:
    """The waits shown to the sampled fans of one run."""

    def __init__(self, scenario: Scenario) -> None:
        self.every_ms = 1000 * max(SAMPLE_EVERY_S, round(scenario.lasts_s / SAMPLES_PER_RUN))
        every = max(1, scenario.fans // max(1, scenario.sample))
        self._sampled = range(every // 2, scenario.fans, every)
        self._waiting: dict[int, list[ShownWait]] = {}
        self._next_ms = 0
        self._scenario = scenario
        self.fans: list[SampledFan] = []

    def sampled(self, fan: int) -> bool:
        """Whether this fan is in the sample."""
        return fan in self._sampled

    def joined(self, fan: int, place: Place, status: RoomStatus, at: tuple[int, int, int]) -> None:
        """A sampled fan joined. `at`: ms after the opening, the rate, how often waits had a reason to
        rise."""
        self._waiting[fan] = []
        self._record(fan, place, status, at)

    async def sample(self, room: SimulatedRoom, at: tuple[int, int, int]) -> None:
        """Let the waiting fans of the sample look at the page, if it is time to."""
        if at[0] < self._next_ms or not self._waiting:
            return
        self._next_ms = at[0] + self.every_ms
        answers = await room.places([fan_id(fan, self._scenario) for fan in self._waiting])
        for fan, place in zip(list(self._waiting), answers.places, strict=True):
            if isinstance(place, Place):
                self._record(fan, place, answers.status, at)

    def called(self, fan: int, at_ms: int, arrived_ms: array[int]) -> None:
        """The fan's wait is over: compare it with what was shown."""
        waits = self._waiting.pop(fan, [])
        if waits:
            self.fans.append(_after_the_wait(fan, arrived_ms[fan], at_ms, waits))

    def _record(self, fan: int, place: Place, status: RoomStatus, at: tuple[int, int, int]) -> None:
        if place.ahead is None or status.state != "open":  # otherwise no wait is shown
            return
        wait = wait_range_s(place_in_room(status, place.visitor_id, place.ahead), status.pace, at[1])
        if wait is not None:
            longer_since_ms = status.pace.since_ms if status.pace else 0
            self._waiting[fan].append(ShownWait(at[0], place.ahead, *wait, at[2], longer_since_ms))


def _after_the_wait(fan: int, arrived_ms: int, called_ms: int, waits: list[ShownWait]) -> SampledFan:
    left = [(called_ms - wait.at_ms) / 1000 for wait in waits]
    held = sum(real <= wait.p90_s for real, wait in zip(left, waits, strict=True))
    below = sum(real < wait.p50_s for real, wait in zip(left, waits, strict=True))
    rises = [
        (before, after)
        for before, after in pairwise(waits)
        if after.p90_s > before.p90_s or after.p50_s > before.p50_s
    ]
    middle = waits[len(waits) // 2]
    return SampledFan(
        fan=fan,
        arrived_ms=arrived_ms,
        called_ms=called_ms,
        first=waits[0],
        held=held / len(waits),
        inside=(held - below) / len(waits),
        below=below / len(waits),
        width=(middle.p90_s - middle.p50_s) * 1000 / max(1000, called_ms - middle.at_ms),
        rises=len(rises),
        unexplained=sum(before.longer_since_ms == after.longer_since_ms for before, after in rises),
    )
