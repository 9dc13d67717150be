"""The invariants of a room, which hold after every step. Each one yields a description of what is wrong.

The invariants of the stock are also checked by load tests; they are listed in `load/verdict.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from load.verdict import Admitted, over_admitted
from tests.simulation.lanes import Sharing
from tests.simulation.model import ENDING_KEPT_MS
from tests.simulation.rules import Standing, lane_of, network_said
from tests.simulation.view import View
from tests.support.permanent_keys import PERMANENT


@dataclass
class History:
    """What a run remembers in addition to the last two views."""

    given: dict[int, str] = field(default_factory=dict)  # queue number -> the visitor it was given to
    passed_over: int = 0  # numbers that a draw had for visitors who had left
    moments: list[Admitted] = field(default_factory=list)
    burst: float = 0  # the largest bucket so far
    turns_of: dict[int, str] = field(default_factory=dict)  # queue number -> who claimed it
    turns_told: set[int] = field(default_factory=set)  # those for which the visitor holds a booking token
    wiped: bool = False
    sharing: Sharing = field(default_factory=Sharing)

    def forget_untold(self) -> None:
        """Redis is lost: a claim without an answer that Postgres does not know of has not happened."""
        self.wiped = True
        self.turns_of = {it: visitor for it, visitor in self.turns_of.items() if it in self.turns_told}


@dataclass(frozen=True)
class Lost:
    """Where a visitor with a place token was when Redis was lost."""

    state: str
    number: int
    at_ms: int


@dataclass(frozen=True)
class Look:
    """Everything an invariant may look at."""

    before: View
    now: View
    history: History
    active_max: int
    visitors_per_ticket: float
    per_network: int
    lottery: bool
    lanes: tuple[int, ...]
    keys_without_ttl: frozenset[str]


def serving_follows_the_numbers(look: Look) -> Iterator[str]:
    """(2) The serving position never falls and never exceeds the numbers given out."""
    if look.now.serving < look.before.serving:
        yield f"the serving position fell from {look.before.serving} to {look.now.serving}"
    if look.now.serving > look.now.last:
        yield f"the serving position {look.now.serving} is above the last number {look.now.last}"
    for visitor, number in look.now.turns.items():
        lane = lane_of(visitor, look.lanes)
        serving = look.now.lane_serving.get(lane, 0) if lane else look.now.serving
        if number > serving:
            yield f"number {number} of lane {lane} was called, the serving position is {serving}"
    for lane, serving in look.before.lane_serving.items():
        if look.now.lane_serving.get(lane, 0) < serving:
            yield f"the serving position of lane {lane} fell from {serving}"
    told = max(chain(look.now.waiting.values(), look.now.turns.values()), default=0)
    if told > look.now.reserved:
        yield f"number {told} was given out, Postgres knows of {look.now.reserved}"


def admissions_keep_the_rate(look: Look) -> Iterator[str]:
    """(3) In any window at most rate x window + burst calls, not counting no-shows that were given back."""
    yield from over_admitted(look.history.moments, look.history.burst)


def admissions_keep_the_limits(look: Look) -> Iterator[str]:
    """When visitors are called, the room is open, a slot is free and a ticket is left."""
    calls = look.now.admitted - look.before.admitted
    if calls <= 0:
        return
    inside = len(look.now.called) + len(look.now.active)
    if look.now.state != "open":
        yield f"{calls} were called while the room was {look.now.state}"
    if look.active_max and inside > look.active_max:
        yield f"{inside} inside, at most {look.active_max} may be"
    if look.now.tickets is not None:
        undecided = inside - len(look.now.buyers & look.now.active.keys())
        if undecided > look.visitors_per_ticket * look.now.tickets[0]:
            yield f"{undecided} inside without a hold, {look.now.tickets[0]} tickets free"
        if _spare(look) < 0:
            yield f"{undecided} inside want {-_spare(look)} tickets more than are free"


def _spare(look: Look) -> float:
    """Free tickets that nobody inside wants."""
    if look.now.tickets is None:
        return math.inf
    inside = look.now.called.keys() | look.now.active.keys()
    undecided = len(inside) - len(look.now.buyers & look.now.active.keys()) + look.now.wanted_inside
    return look.now.tickets[0] * max(1, look.visitors_per_ticket) - undecided


def _enough(look: Look) -> float:
    free = math.inf if look.now.tickets is None else look.now.tickets[0]
    return max(1, min(free, _spare(look)))  # a visitor who wants one is never passed over


def _is_full(look: Look, visitor: str) -> bool:
    network = network_said(visitor) or look.now.noted.get(visitor, "")
    return look.now.unclaimed.get(network, 0) >= look.per_network


def nobody_hoards_calls(look: Look) -> Iterator[str]:
    """After a call, no network has more called visitors who have not claimed than it may."""
    if look.now.admitted <= look.before.admitted:
        return
    for network, count in look.now.unclaimed.items():
        if count > max(look.per_network, look.before.unclaimed.get(network, 0)):
            yield f"{count} of {network} are called and have not claimed"


def calls_keep_the_order(look: Look) -> Iterator[str]:
    """Nobody is called ahead of a smaller number that waits, unless that visitor wants more tickets than are
    free, or too many from their network are called and have not claimed.
    """
    fresh = look.now.turns.keys() - look.before.turns.keys()
    first: dict[int, int] = {}
    for visitor, number in _callable(look):
        lane = lane_of(visitor, look.lanes)
        first[lane] = min(number, first.get(lane, number))
    if fresh and look.now.admitted > look.before.admitted:
        for visitor in sorted(fresh & look.now.called.keys()):
            before = first.get(lane_of(visitor, look.lanes), math.inf)
            if look.now.turns[visitor] > before:
                yield f"{visitor} was called with {look.now.turns[visitor]}, {before} waits"


def _callable(look: Look) -> Iterator[tuple[str, int]]:
    """Waiting visitors who could be called if it were their turn, with their numbers."""
    for visitor, number in look.now.waiting.items():
        if look.now.wants.get(visitor, 1) <= _enough(look) and not _is_full(look, visitor):
            yield visitor, number


def lanes_keep_their_shares(look: Look) -> Iterator[str]:
    """While two lanes have somebody to call, neither gets more than a quantum beyond its share."""
    if not look.lanes:
        return
    drawn = look.now.draw_next if look.now.prequeue else math.inf
    waits = {lane_of(visitor, look.lanes) for visitor, number in _callable(look) if number < drawn}
    fresh = look.now.turns.keys() - look.before.turns.keys()
    called = sorted(fresh) if look.now.admitted > look.before.admitted else []
    yield from look.history.sharing.look(look.lanes, called, waits)


def one_place_a_visitor(look: Look) -> Iterator[str]:
    """(4) Nobody has two places, and a turn belongs to a visitor who is called or active."""
    now = look.now
    standings = (now.prequeue, now.waiting, now.called, now.active)
    everyone = list(chain.from_iterable(standings))
    for visitor in sorted({it for it in everyone if everyone.count(it) > 1}):
        yield f"{visitor} stands in more than one place"
    inside = now.called.keys() | now.active.keys()
    if now.turns.keys() != inside:
        yield f"turns of {sorted(now.turns)}, called or active {sorted(inside)}"
    for visitor in sorted(now.removed & set(everyone)):
        yield f"{visitor} was removed but is still there"


def numbers_are_unique_and_dense(look: Look) -> Iterator[str]:
    """(4) A number is one visitor's for ever; unless Redis is lost or visitors leave, none is skipped."""
    numbers = chain(look.now.waiting.items(), look.now.turns.items())
    for visitor, number in chain(numbers, () if look.lottery else look.now.prequeue.items()):
        if look.history.given.setdefault(number, visitor) != visitor:
            yield f"number {number} of {look.history.given[number]} was given to {visitor}"
    kept = look.now.draw_last - look.now.draw_next + 1 if look.now.draw_next else 0
    given = len(look.history.given) + kept + look.history.passed_over
    if not look.history.wiped and given != look.now.last:
        yield f"{given} numbers were given, kept for a draw or passed over, the last is {look.now.last}"


def a_turn_happens_once(look: Look) -> Iterator[str]:
    """(8) Nobody claims a number that they or anybody else claimed before, even across a loss of Redis."""
    for visitor in sorted(look.now.active.keys() - look.before.active.keys()):
        number = look.now.turns[visitor]
        if number in look.history.turns_of:
            yield f"{visitor} has a second turn with number {number}"


def keys_are_permanent_or_end(look: Look) -> Iterator[str]:
    """(7) Every key is on the list of permanent ones or carries a TTL."""
    for key in sorted(look.keys_without_ttl):
        if key.startswith("{") and key.partition("}:")[2] not in PERMANENT:
            yield f"key {key} has no TTL"


def returning(lost: Lost, told: Standing, history: History, now_ms: int) -> Iterator[str]:
    """(8) What a visitor may be shown who returns with an old token after a loss of Redis."""
    claimed = told.state == "active" and told.new
    line = told.state in ("waiting", "called") or claimed
    if line and (claimed or not told.new) and told.number != lost.number and lost.number:
        yield f"had number {lost.number}, has {told}"
    if line and told.number in history.turns_of:
        yield f"has a second turn: {told}"
    if lost.state == "waiting" and now_ms - lost.at_ms < ENDING_KEPT_MS:
        if not line or told.number != lost.number:
            yield f"waited with {lost.number}, was answered {told}"
    if lost.state == "over" and line and (claimed or not told.new):
        yield f"had an end with {lost.number}, was answered {told}"
    if lost.state == "active" and lost.number in history.turns_of and line and (claimed or not told.new):
        yield f"had a session, was answered {told}"


ROOM = (
    serving_follows_the_numbers,
    admissions_keep_the_rate,
    admissions_keep_the_limits,
    calls_keep_the_order,
    lanes_keep_their_shares,
    nobody_hoards_calls,
    one_place_a_visitor,
    numbers_are_unique_and_dense,
    a_turn_happens_once,
    keys_are_permanent_or_end,
)
