"""The invariants of a room, which hold after every step. Each one yields a description of what is wrong.

The invariants of the stock are also checked by load tests; they are listed in `load/judging/verdict.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from load.judging.verdict import AdmissionSample, over_admitted
from tests.simulation.lanes import Sharing
from tests.simulation.model import ENDING_KEPT_MS
from tests.simulation.rules import Answer, lane_of, network_in_id
from tests.simulation.view import View
from tests.support.permanent_keys import PERMANENT


@dataclass
class History:
    """What a run remembers in addition to the last two views."""

    given: dict[int, str] = field(default_factory=dict)  # queue number -> the visitor it was given to
    passed_over: int = 0  # numbers that a draw had for visitors who had left
    moments: list[AdmissionSample] = field(default_factory=list)
    burst: float = 0  # the largest bucket so far
    turns_of: dict[int, str] = field(default_factory=dict)  # queue number -> who claimed it
    turns_with_token: set[int] = field(default_factory=set)  # the visitor has a booking token for these
    wiped: bool = False
    sharing: Sharing = field(default_factory=Sharing)

    def forget_unanswered_claims(self) -> None:
        """Redis is lost: a claim without an answer that Postgres does not know of has not happened."""
        self.wiped = True
        self.turns_of = {it: visitor for it, visitor in self.turns_of.items() if it in self.turns_with_token}


@dataclass(frozen=True)
class LostPlace:
    """Where a visitor with a place token was when Redis was lost."""

    state: str
    number: int
    at_ms: int


@dataclass(frozen=True)
class Transition:
    """A room before and after a step, and what applied to it."""

    before: View
    now: View
    history: History
    active_max: int
    visitors_per_ticket: float
    per_network: int
    lottery: bool
    lanes: tuple[int, ...]
    keys_without_ttl: frozenset[str]


def serving_follows_the_numbers(step: Transition) -> Iterator[str]:
    """(2) The serving position never falls and never exceeds the numbers given out."""
    if step.now.serving < step.before.serving:
        yield f"the serving position fell from {step.before.serving} to {step.now.serving}"
    if step.now.serving > step.now.last:
        yield f"the serving position {step.now.serving} is above the last number {step.now.last}"
    for visitor, number in step.now.turns.items():
        lane = lane_of(visitor, step.lanes)
        serving = step.now.lane_serving.get(lane, 0) if lane else step.now.serving
        if number > serving:
            yield f"number {number} of lane {lane} was called, the serving position is {serving}"
    for lane, serving in step.before.lane_serving.items():
        if step.now.lane_serving.get(lane, 0) < serving:
            yield f"the serving position of lane {lane} fell from {serving}"
    highest = max(chain(step.now.waiting.values(), step.now.turns.values()), default=0)
    if highest > step.now.reserved:
        yield f"number {highest} was given out, Postgres knows of {step.now.reserved}"


def admissions_keep_the_rate(step: Transition) -> Iterator[str]:
    """(3) In any window at most rate x window + burst calls, not counting no-shows that were given back."""
    yield from over_admitted(step.history.moments, step.history.burst)


def admissions_keep_the_limits(step: Transition) -> Iterator[str]:
    """When visitors are called, the room is open, a slot is free and a ticket is left."""
    calls = step.now.admitted - step.before.admitted
    if calls <= 0:
        return
    inside = len(step.now.called) + len(step.now.active)
    if step.now.state != "open":
        yield f"{calls} were called while the room was {step.now.state}"
    if step.active_max and inside > step.active_max:
        yield f"{inside} inside, at most {step.active_max} may be"
    if step.now.tickets is not None:
        undecided = inside - len(step.now.buyers & step.now.active.keys())
        if undecided > step.visitors_per_ticket * step.now.tickets[0]:
            yield f"{undecided} inside without a hold, {step.now.tickets[0]} tickets free"
        if _spare(step) < 0:
            yield f"{undecided} inside want {-_spare(step)} tickets more than are free"


def _spare(step: Transition) -> float:
    """Free tickets that nobody inside wants."""
    if step.now.tickets is None:
        return math.inf
    inside = step.now.called.keys() | step.now.active.keys()
    undecided = len(inside) - len(step.now.buyers & step.now.active.keys()) + step.now.wanted_inside
    return step.now.tickets[0] * max(1, step.visitors_per_ticket) - undecided


def _enough(step: Transition) -> float:
    free = math.inf if step.now.tickets is None else step.now.tickets[0]
    return max(1, min(free, _spare(step)))  # a visitor who wants one is never passed over


def _is_full(step: Transition, visitor: str) -> bool:
    network = network_in_id(visitor) or step.now.noted.get(visitor, "")
    return step.now.unclaimed.get(network, 0) >= step.per_network


def nobody_hoards_calls(step: Transition) -> Iterator[str]:
    """After a call, no network has more called visitors who have not claimed than it may."""
    if step.now.admitted <= step.before.admitted:
        return
    for network, count in step.now.unclaimed.items():
        if count > max(step.per_network, step.before.unclaimed.get(network, 0)):
            yield f"{count} of {network} are called and have not claimed"


def calls_keep_the_order(step: Transition) -> Iterator[str]:
    """Nobody is called ahead of a smaller number that waits, unless that visitor wants more tickets than are
    free, or too many from their network are called and have not claimed.
    """
    fresh = step.now.turns.keys() - step.before.turns.keys()
    first: dict[int, int] = {}
    for visitor, number in _callable(step):
        lane = lane_of(visitor, step.lanes)
        first[lane] = min(number, first.get(lane, number))
    if fresh and step.now.admitted > step.before.admitted:
        for visitor in sorted(fresh & step.now.called.keys()):
            before = first.get(lane_of(visitor, step.lanes), math.inf)
            if step.now.turns[visitor] > before:
                yield f"{visitor} was called with {step.now.turns[visitor]}, {before} waits"


def _callable(step: Transition) -> Iterator[tuple[str, int]]:
    """Waiting visitors who could be called if it were their turn, with their numbers."""
    for visitor, number in step.now.waiting.items():
        if step.now.wants.get(visitor, 1) <= _enough(step) and not _is_full(step, visitor):
            yield visitor, number


def lanes_keep_their_shares(step: Transition) -> Iterator[str]:
    """While two lanes have somebody to call, neither gets more than a quantum beyond its share."""
    if not step.lanes:
        return
    drawn = step.now.draw_next if step.now.prequeue else math.inf
    waits = {lane_of(visitor, step.lanes) for visitor, number in _callable(step) if number < drawn}
    fresh = step.now.turns.keys() - step.before.turns.keys()
    called = sorted(fresh) if step.now.admitted > step.before.admitted else []
    yield from step.history.sharing.check_step(step.lanes, called, waits)


def one_place_a_visitor(step: Transition) -> Iterator[str]:
    """(4) Nobody has two places, and a turn belongs to a visitor who is called or active."""
    now = step.now
    places = (now.prequeue, now.waiting, now.called, now.active)
    everyone = list(chain.from_iterable(places))
    for visitor in sorted({it for it in everyone if everyone.count(it) > 1}):
        yield f"{visitor} stands in more than one place"
    inside = now.called.keys() | now.active.keys()
    if now.turns.keys() != inside:
        yield f"turns of {sorted(now.turns)}, called or active {sorted(inside)}"
    for visitor in sorted(now.removed & set(everyone)):
        yield f"{visitor} was removed but is still there"


def numbers_are_unique_and_dense(step: Transition) -> Iterator[str]:
    """(4) A number is one visitor's for ever; unless Redis is lost or visitors leave, none is skipped."""
    numbers = chain(step.now.waiting.items(), step.now.turns.items())
    for visitor, number in chain(numbers, () if step.lottery else step.now.prequeue.items()):
        if step.history.given.setdefault(number, visitor) != visitor:
            yield f"number {number} of {step.history.given[number]} was given to {visitor}"
    kept = step.now.draw_last - step.now.draw_next + 1 if step.now.draw_next else 0
    given = len(step.history.given) + kept + step.history.passed_over
    if not step.history.wiped and given != step.now.last:
        yield f"{given} numbers were given, kept for a draw or passed over, the last is {step.now.last}"


def a_turn_happens_once(step: Transition) -> Iterator[str]:
    """(8) Nobody claims a number that they or anybody else claimed before, even across a loss of Redis."""
    for visitor in sorted(step.now.active.keys() - step.before.active.keys()):
        number = step.now.turns[visitor]
        if number in step.history.turns_of:
            yield f"{visitor} has a second turn with number {number}"


def keys_are_permanent_or_end(step: Transition) -> Iterator[str]:
    """(7) Every key is on the list of permanent ones or carries a TTL."""
    for key in sorted(step.keys_without_ttl):
        if key.startswith("{") and key.partition("}:")[2] not in PERMANENT:
            yield f"key {key} has no TTL"


def check_returning(lost: LostPlace, answer: Answer, history: History, now_ms: int) -> Iterator[str]:
    """(8) What a visitor may be shown who returns with an old token after a loss of Redis."""
    claimed = answer.state == "active" and answer.new
    in_queue = answer.state in ("waiting", "called") or claimed
    if in_queue and (claimed or not answer.new) and answer.number != lost.number and lost.number:
        yield f"had number {lost.number}, has {answer}"
    if in_queue and answer.number in history.turns_of:
        yield f"has a second turn: {answer}"
    if lost.state == "waiting" and now_ms - lost.at_ms < ENDING_KEPT_MS:
        if not in_queue or answer.number != lost.number:
            yield f"waited with {lost.number}, was answered {answer}"
    if lost.state == "over" and in_queue and (claimed or not answer.new):
        yield f"had an end with {lost.number}, was answered {answer}"
    had_session = lost.state == "active" and lost.number in history.turns_of
    if had_session and in_queue and (claimed or not answer.new):
        yield f"had a session, was answered {answer}"


INVARIANTS = (
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
