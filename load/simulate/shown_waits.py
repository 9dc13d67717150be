"""What sampled fans are shown while they wait, compared with how long they waited.

A fan is sampled by their place in the order of arrival, so the sample is the same for every seed. All waiting
fans of the sample look at the same moments, so the looks of a fan are spread evenly over their wait, like
those of anybody who leaves the page open.
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

LOOKS_A_RUN = 250  # at most, so that a long queue costs no more than a short one
LOOK_EVERY_S = 5


class Look(msgspec.Struct, frozen=True):
    """What a fan was shown at a moment, in seconds; the moment is in ms after the opening."""

    at_ms: int
    ahead: int
    p50_s: int
    p90_s: int
    may_rise: int  # how often the rate had fallen or the room had been paused by then
    told: int  # since when (ms) the page has said that waits became longer; 0: never


class Seen(msgspec.Struct, frozen=True):
    """One fan after their wait."""

    fan: int
    arrived_ms: int
    called_ms: int
    first: Look
    held: float  # share of their looks whose p90 held
    inside: float  # share of their looks after which the wait was between p50 and p90
    below: float  # share of their looks after which the wait was shorter than p50
    width: float  # (p90 - p50) / the remaining wait, at the middle one of their looks
    rises: int  # looks that showed a longer wait than the look before
    unexplained: int  # of these, without a new reason shown on the page


class Looks:
    """The looks of one run."""

    def __init__(self, scenario: Scenario) -> None:
        self.every_ms = 1000 * max(LOOK_EVERY_S, round(scenario.lasts_s / LOOKS_A_RUN))
        every = max(1, scenario.fans // max(1, scenario.sample))
        self._sampled = range(every // 2, scenario.fans, every)
        self._waiting: dict[int, list[Look]] = {}
        self._next_ms = 0
        self._scenario = scenario
        self.seen: list[Seen] = []

    def sampled(self, fan: int) -> bool:
        """Whether this fan is in the sample."""
        return fan in self._sampled

    def joined(self, fan: int, place: Place, status: RoomStatus, at: tuple[int, int, int]) -> None:
        """A sampled fan joined. `at`: ms after the opening, the rate, how often waits had a reason to
        rise."""
        self._waiting[fan] = []
        self._note(fan, place, status, at)

    async def look(self, room: SimulatedRoom, at: tuple[int, int, int]) -> None:
        """Let the waiting fans of the sample look at the page, if it is time to."""
        if at[0] < self._next_ms or not self._waiting:
            return
        self._next_ms = at[0] + self.every_ms
        answers = await room.look([fan_id(fan, self._scenario) for fan in self._waiting])
        for fan, place in zip(list(self._waiting), answers.places, strict=True):
            if isinstance(place, Place):
                self._note(fan, place, answers.status, at)

    def called(self, fan: int, at_ms: int, arrived_ms: array[int]) -> None:
        """The fan's wait is over: compare it with what was shown."""
        looks = self._waiting.pop(fan, [])
        if looks:
            self.seen.append(_in_the_end(fan, arrived_ms[fan], at_ms, looks))

    def _note(self, fan: int, place: Place, status: RoomStatus, at: tuple[int, int, int]) -> None:
        if place.ahead is None or status.state != "open":  # otherwise no wait is shown
            return
        wait = wait_range_s(place_in_room(status, place.visitor_id, place.ahead), status.pace, at[1])
        if wait is not None:
            told_ms = status.pace.since_ms if status.pace else 0
            self._waiting[fan].append(Look(at[0], place.ahead, *wait, at[2], told_ms))


def _in_the_end(fan: int, arrived_ms: int, called_ms: int, looks: list[Look]) -> Seen:
    left = [(called_ms - look.at_ms) / 1000 for look in looks]
    held = sum(real <= look.p90_s for real, look in zip(left, looks, strict=True))
    below = sum(real < look.p50_s for real, look in zip(left, looks, strict=True))
    rises = [
        (before, after)
        for before, after in pairwise(looks)
        if after.p90_s > before.p90_s or after.p50_s > before.p50_s
    ]
    middle = looks[len(looks) // 2]
    return Seen(
        fan=fan,
        arrived_ms=arrived_ms,
        called_ms=called_ms,
        first=looks[0],
        held=held / len(looks),
        inside=(held - below) / len(looks),
        below=below / len(looks),
        width=(middle.p90_s - middle.p50_s) * 1000 / max(1000, called_ms - middle.at_ms),
        rises=len(rises),
        unexplained=sum(before.told == after.told for before, after in rises),
    )
