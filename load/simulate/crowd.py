"""The fans: when they arrive, how soon they claim, how long they stay. Everything follows from the seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from app.core.visitor_ids import MEMBER_ID_CHARS
from load.simulate.scenario import Scenario

RUSH_MEAN_S = 20.0  # a rush arrives at once and thins out; at most a twentieth of the queue's duration
PREQUEUE_S = 600  # a lottery's fans arrive before the opening
GOLDEN = (math.sqrt(5) - 1) / 2  # the fractions of its multiples are spread evenly
BURSTS = 4
BURST_MEAN_S = 10.0
CLAIM_MEAN_S = 5.0  # an open page claims by itself; others are looked at after a while
BUSY_SHARE = 0.5  # steady and burst: all have arrived by half of the queue's duration


def fan_id(fan: int, scenario: Scenario) -> str:
    """The visitor_id of a fan; short, because ten million of them are stored. In a lane it ends with the
    lane."""
    lane = lane_of_fan(fan, scenario)
    return f"{fan:0{MEMBER_ID_CHARS - 1}x}{lane}" if lane else f"{fan:x}"


def fan_of(visitor: str) -> int:
    """The fan with this visitor_id."""
    return int(visitor[:-1] if len(visitor) == MEMBER_ID_CHARS else visitor, 16)


def lane_of_fan(fan: int, scenario: Scenario) -> int:
    """The lane of a fan; those of each lane are spread evenly among the others."""
    at, below = fan * GOLDEN % 1.0, 0.0
    for lane, (_, share_of_fans) in enumerate(scenario.lanes, 1):
        below += share_of_fans
        if at < below:
            return lane
    return 0


def arrivals_ms(scenario: Scenario) -> Iterator[int]:
    """When each fan arrives, in ms after the opening (negative: before it), in order, without storing them.

    Sorted uniform numbers, one after the other: the smallest of the n remaining is 1 - V**(1/n) of the
    remaining way ahead.
    """
    random, lasts_s = Random(f"arrivals {scenario.seed}"), scenario.lasts_s
    rest = 1.0
    for left in range(scenario.fans, 0, -1):
        rest *= (1.0 - random.random()) ** (1.0 / left)
        yield round(_at_s(scenario, 1.0 - rest, lasts_s) * 1000)


def _at_s(scenario: Scenario, share: float, lasts_s: float) -> float:
    """The time by which this share of the fans has arrived."""
    span_s = BUSY_SHARE * lasts_s
    if scenario.arrivals == "steady":
        return share * span_s
    if scenario.arrivals == "burst":
        burst = min(BURSTS - 1, int(share * BURSTS))
        within = share * BURSTS - burst
        return burst * max(span_s / BURSTS, 1.0) + min(-BURST_MEAN_S * math.log1p(-within), span_s / BURSTS)
    if scenario.method == "lottery":
        return (share - 1.0) * PREQUEUE_S
    mean_s = min(RUSH_MEAN_S, lasts_s / 20)
    return min(-mean_s * math.log1p(-share), 30 * mean_s)


class Habits:
    """What called fans do; to be queried in the order of their calls."""

    def __init__(self, scenario: Scenario) -> None:
        self._random = Random(f"habits {scenario.seed}")
        self._no_show = scenario.no_show
        self._window_ms = scenario.claim_window_s * 1000
        self._inside_s = scenario.inside_s

    def claims_after_ms(self) -> int | None:
        """How long after the call the fan claims; None: never."""
        if self._random.random() < self._no_show:
            return None
        return min(round(self._random.expovariate(1 / CLAIM_MEAN_S) * 1000), self._window_ms * 9 // 10)

    def stays_ms(self) -> int:
        """How long the fan stays inside."""
        return round(self._random.expovariate(1 / self._inside_s) * 1000)
