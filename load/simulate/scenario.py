"""The scenario: how many fans, how they arrive and behave, and what staff do to the room meanwhile."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Literal

import msgspec

from app.core.errors import CannotRun
from app.core.lanes import ALL, LANES_MAX
from app.core.model import QueueingMethod, RoomState

Arrivals = Literal["rush", "steady", "burst"]

RATE_MAX = 60_000_000
LONG_S = 200  # a longer run is ticked once a second, a shorter one four times, as in the worker
LASTS_MAX_S = 30 * 86_400

_RATE = re.compile(r"^(\d{1,8})(?:@(\d{1,7}))?$")
_LANE = re.compile(r"^([1-9]\d?):(0?\.\d{1,6}|[01])$")
_PAUSE = re.compile(r"^(\d{1,7})-(\d{1,7})$")


class ScenarioWrong(CannotRun):
    """The scenario cannot be simulated; the message says which part and what to do."""


class Step(msgspec.Struct, frozen=True):
    """From `at_s` after the opening, the room has this state and this rate."""

    at_s: int
    state: RoomState
    rate_per_minute: int


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """Times are whole seconds after the opening; rates are people per minute."""

    fans: int
    rates: tuple[tuple[int, int], ...]  # (at_s, rate_per_minute), the first at 0
    pauses: tuple[tuple[int, int], ...] = ()  # (from_s, to_s), in order
    no_show: float = 0.0  # the share of called fans who never claim
    arrivals: Arrivals = "rush"
    method: QueueingMethod = "fifo"
    seed: int = 1
    active_max: int | None = None
    inside_s: int = 90  # the mean time a fan stays inside; only matters with `active_max`
    claim_window_s: int = 120
    lanes: tuple[tuple[int, float], ...] = ()  # for each, its share of the calls in percent, and of the fans
    sample: int = 1_000  # fans whose shown waits are evaluated

    @property
    def lasts_s(self) -> float:
        """About how long the queue lasts: all fans at the given rates, without no-shows and caps."""
        left, at = float(self.fans), 0.0
        for step, after in pairwise([*self.steps(), None]):
            if step is None or after is None:
                break
            going = (after.at_s - step.at_s) * step.rate_per_minute / 60 * (step.state == "open")
            if going >= left:
                break
            left, at = left - going, float(after.at_s)
        last = next(rate for since, rate in reversed(self.rates) if since <= at)
        return at + left * 60 / last if last else float("inf")

    @property
    def tick_ms(self) -> int:
        """How often the room is ticked."""
        return 250 if self.lasts_s < LONG_S else 1_000

    def steps(self) -> list[Step]:
        """What staff do, in order; the first step is the opening."""
        at = sorted({at for at, _ in self.rates} | {at for pause in self.pauses for at in pause})
        return [Step(it, self._state_at(it), self._rate_at(it)) for it in at]

    def _state_at(self, at_s: int) -> RoomState:
        return "paused" if any(since <= at_s < until for since, until in self.pauses) else "open"

    def _rate_at(self, at_s: int) -> int:
        return next(rate for since, rate in reversed(self.rates) if since <= at_s)


def read(rates: str, pauses: str, lanes: str) -> dict[str, Any]:
    """Parse the fields of a scenario that are given as text."""
    return {"rates": read_rates(rates), "pauses": read_pauses(pauses), "lanes": read_lanes(lanes)}


def read_rates(text: str) -> tuple[tuple[int, int], ...]:
    """Parse `600` or `600@0,1200@300`: people per minute, each from a second after the opening on."""
    rates = []
    for part in text.split(","):
        match = _RATE.match(part.strip())
        if match is None or int(match[1]) > RATE_MAX:
            raise ScenarioWrong(f"--rate: cannot read {part!r}; write 600, or 600@0,1200@300")
        rates.append((int(match[2] or 0), int(match[1])))
    if rates[0][0] != 0 or any(before[0] >= after[0] for before, after in pairwise(rates)):
        raise ScenarioWrong("--rate: the first must begin at 0, and each later one after the one before")
    return tuple(rates)


def read_pauses(text: str) -> tuple[tuple[int, int], ...]:
    """Parse `120-180,300-330`: from and to in seconds after the opening; empty: none."""
    pauses = []
    for part in filter(None, text.split(",")):
        match = _PAUSE.match(part.strip())
        if match is None or not 0 < int(match[1]) < int(match[2]):
            raise ScenarioWrong(f"--pause: cannot read {part!r}; write 120-180, in seconds after the opening")
        pauses.append((int(match[1]), int(match[2])))
    if any(before[1] >= after[0] for before, after in pairwise(pauses)):
        raise ScenarioWrong("--pause: each must begin after the one before has ended")
    return tuple(pauses)


def read_lanes(text: str) -> tuple[tuple[int, float], ...]:
    """Parse `30:0.1,10:0.02`: lanes with 30 and 10 percent of the calls, and a tenth and a fiftieth of the
    fans."""
    lanes = []
    for part in filter(None, text.split(",")):
        match = _LANE.match(part.strip())
        if match is None:
            raise ScenarioWrong(f"--lanes: cannot read {part!r}; write 30:0.1, shares of calls and of fans")
        lanes.append((int(match[1]), float(match[2])))
    of_calls, of_fans = sum(it[0] for it in lanes), sum(it[1] for it in lanes)
    if len(lanes) > LANES_MAX or of_calls >= ALL or of_fans > 1:
        raise ScenarioWrong(
            f"--lanes: at most {LANES_MAX}, of less than 100 % of the calls and 1 of the fans"
        )
    return tuple(lanes)


def check(scenario: Scenario) -> Scenario:
    """Return the scenario. Raises ScenarioWrong if it would never end, or take more than a month."""
    if scenario.lasts_s > LASTS_MAX_S:
        raise ScenarioWrong("this queue would take more than a month; raise the last --rate or lower --fans")
    return scenario
