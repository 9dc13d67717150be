"""The lanes of a queue as its public log tells of them: who waits in which, and whether shares are kept.

A lane earns its share of each call and is called when that makes one (`include/sharing.lua`), so while two
lanes have somebody to call, neither can be ahead of its share by more than a call of each and the round that
runs.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations


@dataclass
class Apart:
    """How far two lanes are apart, in calls over shares, and the least and the most that they were."""

    now: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def moved(self, by: float) -> float:
        """How far this call has brought them from where they were at any time, in its direction."""
        self.now += by
        self.least, self.most = min(self.least, self.now), max(self.most, self.now)
        return self.now - self.least if by > 0 else self.most - self.now


class Lanes:
    """Who waits in each lane. A room without lanes has one, the ordinary one."""

    def __init__(self) -> None:
        self._shares = [100]
        self._lane_of: dict[int, int] = {}  # of the numbers that wait
        self._fronts: dict[
            int, list[int]
        ] = {}  # a heap a lane of those who may not be overtaken; some are gone
        self._may_be_overtaken: set[int] = set()
        self._apart: dict[tuple[int, int], Apart] = {}  # two lanes, since both have had somebody

    def share(self, shares: list[int]) -> None:
        """From now on the lanes have these shares, the ordinary one first."""
        self._shares, self._apart = shares, {}

    def give(self, number: int, lane: int) -> None:
        """This number waits in this lane."""
        self._lane_of[number] = lane
        heapq.heappush(self._fronts.setdefault(lane, []), number)

    def end(self, number: int) -> None:
        """This number does not wait any more."""
        self._lane_of.pop(number, None)

    def pass_over(self, number: int) -> None:
        """This number may be overtaken: not enough is free for it."""
        self._may_be_overtaken.add(number)
        self._forget(self._lane_of.get(number, 0))

    def forgive(self) -> None:
        """Whoever waits now may be overtaken."""
        self._may_be_overtaken |= self._lane_of.keys()
        self._apart = {}

    def call(self, number: int, lane: int, *, drawing: bool) -> Iterator[tuple[str, str]]:
        """What is wrong with this call: kinds and messages. During a draw lanes cannot be compared."""
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
        self._apart = {pair: self._apart.get(pair) or Apart() for pair in pairs}
        for pair, apart in self._apart.items():
            if lane in pair:
                ours, theirs = self._shares[lane], self._shares[sum(pair) - lane]
                way = 1 if lane == pair[0] else -1
                if apart.moved(way / ours) > 1 / ours + 1 / theirs + 1 / (ours + theirs):
                    other = sum(pair) - lane
                    yield "share", f"lane {lane} had more than its share of calls while lane {other} waited"
                    self._apart[pair] = Apart()

    def _forget(self, lane: int) -> None:
        self._apart = {pair: apart for pair, apart in self._apart.items() if lane not in pair}
