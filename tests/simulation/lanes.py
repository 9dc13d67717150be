"""How lanes share the calls according to the design, and how a run of the simulation is spread over lanes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.rules import lane_of
from tests.simulation.steps import NETWORKS, VISITORS, Step

CallFirst = Callable[[Sequence[str], int], list[str]]
CALL = 1_000_000  # the credit that a call costs a lane
SHARES = ((50, 30, 20), (98, 1, 1), (10, 45, 45))
LANE_IN_ID = dict(zip(VISITORS[4:], (1, 1, 2, 2, 1, 2, 1, 2), strict=True))
NAMES = {it: f"{it}{'-' * 19}{LANE_IN_ID[it]}" if it in LANE_IN_ID else it for it in VISITORS}
NETWORKS_OF = {NAMES[it]: network for it, network in NETWORKS.items()}


@dataclass
class Lanes:
    """Deficit round robin: in each round, every lane with somebody waiting earns its share of one call."""

    serving: dict[int, int] = field(default_factory=dict)  # of the lanes other than the ordinary one
    restored: dict[int, int] = field(default_factory=dict)  # as they were when Redis was lost
    at: int = 0
    credit: dict[int, int] = field(default_factory=dict)

    def adopt(self, credit: str) -> None:
        """Continue with the credit that the engine has."""
        self.at, *earned = [int(it) for it in credit.split()] or [0]
        self.credit = dict(enumerate(earned))

    def serve(self, visitor: str, number: int, shares: Sequence[int]) -> int:
        """Record a call and return its lane; 0 is the ordinary one, whose serving position is the room's."""
        if lane := lane_of(visitor, shares):
            self.serving[lane] = max(self.serving.get(lane, 0), number)
        return lane

    def called_to(self, visitor: str, shares: Sequence[int], ordinary: int) -> int:
        """The highest number called in the visitor's lane."""
        lane = lane_of(visitor, shares)
        return self.serving.get(lane, 0) if lane else ordinary

    def restored_to(self, visitor: str, shares: Sequence[int], ordinary: int) -> int:
        """The same at the moment Redis was lost."""
        lane = lane_of(visitor, shares)
        return self.restored.get(lane, 0) if lane else ordinary

    def numbers_in_lane(self, visitor: str, waiting: Mapping[str, int], shares: Sequence[int]) -> list[int]:
        """The numbers that wait in the same lane."""
        lane = lane_of(visitor, shares)
        return [number for it, number in waiting.items() if lane_of(it, shares) == lane]

    def call(self, visitors: Sequence[str], count: int, shares: Sequence[int], call_first: CallFirst) -> None:
        """Lanes share the calls; what a lane cannot use is shared among the others."""
        shares = shares or (100,)
        queues = [[it for it in visitors if lane_of(it, shares) == lane] for lane in range(len(shares))]
        waiting = [len(queue) for queue in queues]
        while turns := self.divide(count, waiting, shares):
            for lane, quota in sorted(Counter(turns).items()):
                called = call_first(queues[lane], quota)
                queues[lane] = [it for it in queues[lane] if it not in called]
                count -= len(called)
                if len(called) < quota:  # nobody else in this lane can be called now
                    waiting[lane] = self.credit[lane] = 0

    def divide(self, count: int, waiting: list[int], shares: Sequence[int]) -> list[int]:
        """The lane of each of the next calls; `left` has how many wait in each, and is reduced."""
        turns: list[int] = []
        while len(turns) < count and any(waiting):
            lane = self.at = self.at % len(shares)
            if waiting[lane]:
                everybody = sum(share for share, people in zip(shares, waiting, strict=True) if people)
                self.credit[lane] = self.credit.get(lane, 0) + shares[lane] * CALL // everybody
                if self.credit[lane] >= CALL:
                    self.credit[lane] -= CALL
                    waiting[lane] -= 1
                    turns.append(lane)
            if not waiting[lane]:
                self.credit[lane] = 0
            self.at = (lane + 1) % len(shares)
        return turns


@dataclass
class Sharing:
    """How often two lanes were called since both have had somebody to call."""

    shares: tuple[int, ...] = ()
    calls: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)  # step by step

    def check_step(self, shares: tuple[int, ...], called: Sequence[str], waits: set[int]) -> Iterator[str]:
        """Check after a step that called these visitors; the lanes in `waits` still have somebody to call."""
        if shares != self.shares:
            self.shares, self.calls = shares, {}
        pairs = {(one, other) for one in waits for other in waits if one < other}
        self.calls = {pair: calls for pair, calls in self.calls.items() if pair in pairs}
        for pair, calls in self.calls.items():
            now = [sum(lane_of(it, shares) == lane for it in called) for lane in pair]
            calls.append((calls[-1][0] + now[0], calls[-1][1] + now[1]))
            one, other = (shares[lane] for lane in pair)
            apart = [its_calls / one - others / other for its_calls, others in calls]
            if max(apart) - min(apart) > 1 / one + 1 / other + 1 / (
                one + other
            ):  # a quantum each, plus a round
                yield f"lanes {pair} of shares {one} and {other} were called {calls} times"
        self.calls |= {pair: [(0, 0)] for pair in pairs if pair not in self.calls}


def in_lanes(random: Random, steps: Sequence[Step], *, changes: float = 0.02) -> list[Step]:
    """The same steps with most visitors in lanes; now and then staff change the shares."""
    renamed: list[Step] = []
    for step in steps:
        renamed.append(Step(step.verb, tuple(_renamed(it) for it in step.arguments)))
        if random.random() < changes:
            renamed.append(Step("settings", (("lanes", random.choice(SHARES)),)))
    return renamed


def _renamed(argument: Any) -> Any:
    return NAMES.get(argument, argument) if isinstance(argument, str) else argument
