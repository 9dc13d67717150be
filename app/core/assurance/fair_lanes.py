"""The lanes of a queue as reconstructed from its public log: who waits in which, and whether shares are kept.

A lane earns its share of each call and is called once that adds up to one (`include/sharing.lua`). So while
two lanes both have visitors to call, neither can be ahead of its share by more than one call of each and the
current round.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations


@dataclass
class LaneGap:
    """The difference between two lanes in calls over shares, with its minimum and maximum so far."""

    now: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def moved(self, by: float) -> float:
        """Apply a call; returns how far the difference is now from its opposite extreme."""
        self.now += by
        self.least, self.most = min(self.least, self.now), max(self.most, self.now)
        return self.now - self.least if by > 0 else self.most - self.now


class Lanes:
    """The visitors waiting in each lane. A room without lanes has one, the ordinary one."""

    def __init__(self) -> None:
        self._shares = [100]
        self._lane_of: dict[int, int] = {}  # of the waiting numbers
        self._fronts: dict[
            int, list[int]
        ] = {}  # by lane: a heap of those who may not be overtaken; some no longer wait
        self._may_be_overtaken: set[int] = set()
        self._gaps: dict[tuple[int, int], LaneGap] = {}  # by pair of lanes, since both have had visitors

    def share(self, shares: list[int]) -> None:
        """Set the lanes' shares, the ordinary one first."""
        self._shares, self._gaps = shares, {}

    def give(self, number: int, lane: int) -> None:
        """Put a number into a lane."""
        self._lane_of[number] = lane
        heapq.heappush(self._fronts.setdefault(lane, []), number)

    def end(self, number: int) -> None:
        """Record that a number no longer waits."""
        self._lane_of.pop(number, None)

    def pass_over(self, number: int) -> None:
        """Allow others to overtake this number: too few tickets are free for it."""
        self._may_be_overtaken.add(number)
        self._forget(self._lane_of.get(number, 0))

    def forgive(self) -> None:
        """Allow everybody now waiting to be overtaken."""
        self._may_be_overtaken |= self._lane_of.keys()
        self._gaps = {}

    def call(self, number: int, lane: int, *, drawing: bool) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a call: kinds and messages. During a draw lanes cannot be compared."""
        waits = self._lane_of.get(number)
        if waits is not None and waits != lane:
            yield "other_lane", f"number {number} waits in lane {waits} and was called in lane {lane}"
        with_people = [] if drawing else [it for it in range(len(self._shares)) if self._front(it)]
        self.end(number)
        front = self._front(lane)
        if front is not None and front < number:
            yield "overtaken", f"number {number} was called before number {front}"
        if waits is not None and len(self._shares) > 1:
            yield from self._count(lane, with_people)

    def _front(self, lane: int) -> int | None:
        heap = self._fronts.get(lane, [])
        while heap and (self._lane_of.get(heap[0]) != lane or heap[0] in self._may_be_overtaken):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _count(self, lane: int, with_people: list[int]) -> Iterator[tuple[str, str]]:
        pairs = list(combinations(with_people, 2))
        self._gaps = {pair: self._gaps.get(pair) or LaneGap() for pair in pairs}
        for pair, gap in self._gaps.items():
            if lane in pair:
                share, other_share = self._shares[lane], self._shares[sum(pair) - lane]
                way = 1 if lane == pair[0] else -1
                if gap.moved(way / share) > 1 / share + 1 / other_share + 1 / (share + other_share):
                    other = sum(pair) - lane
                    yield "share", f"lane {lane} had more than its share of calls while lane {other} waited"
                    self._gaps[pair] = LaneGap()

    def _forget(self, lane: int) -> None:
        self._gaps = {pair: gap for pair, gap in self._gaps.items() if lane not in pair}


def lane_in(words: tuple[str, ...]) -> int:
    """The lane that a leaf names; without one the ordinary one is meant."""
    return int(words[0]) if words else 0
