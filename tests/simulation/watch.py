"""Checks of a room after every step: both sides are the same and every invariant holds."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import Place
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts.room import RefusedRecord
from load.judging.verdict import AdmissionSample
from tests.simulation import view
from tests.simulation.invariants import INVARIANTS, History, Transition
from tests.simulation.model import RoomModel
from tests.simulation.rules import UNIT, Answer


class Mismatch(AssertionError):
    """Model and engine differ, or an invariant does not hold; `kind` distinguishes what went wrong."""

    def __init__(self, kind: str, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.kind = kind


class Watch:
    """One room under watch: its model, the time, and what a run remembers."""

    def __init__(self, redis: RedisClient, keys: RoomKeys, model: RoomModel, now_ms: int) -> None:
        self.redis = redis
        self.keys = keys
        self.model = model
        self.now_ms = now_ms
        self.history = History(burst=model.rules.capacity / UNIT)
        self._before = view.of_model(model)
        self._earned = 0.0
        self._admitted_before = 0  # by servers that no longer exist

    def pass_time(self, ms: int) -> None:
        """Move the clock forward."""
        if self.model.state == "open":
            self._earned += ms * self.model.rules.rate / UNIT
        self.now_ms += ms

    async def check(self, numbers_known: int | None = None) -> None:
        """Compare the room. No more numbers may be given out than Postgres knows, however many at a time;
        without Postgres the model counts them. Raises Mismatch."""
        now, lasting = await view.of_engine(self.redis, self.keys)
        if numbers_known is not None:
            self.model.reserved = now.reserved
            if now.reserved > numbers_known:
                raise Mismatch(
                    "numbers", [f"{now.reserved} may be given out, Postgres knows of {numbers_known}"]
                )
        if differences := view.of_model(self.model).differences(now):
            raise Mismatch("state", differences)
        self._record(now)
        rules = self.model.rules
        limits = rules.active_max, rules.visitors_per_ticket, self.model.per_network, rules.lottery
        step = Transition(self._before, now, self.history, *limits, rules.lanes, lasting)
        for invariant in INVARIANTS:
            if wrong := list(invariant(step)):
                raise Mismatch(invariant.__name__, wrong)
        for visitor in now.active.keys() - self._before.active.keys():
            self.history.turns_of[now.turns[visitor]] = visitor
        self._before = now

    async def take_over(self) -> None:
        """After a loss of Redis the model adopts the engine's queue; from here on both continue together."""
        now, _ = await view.of_engine(self.redis, self.keys)
        self._admitted_before += max(0, self._before.admitted - now.admitted)
        view.adopt(self.model, now)
        self._before = now

    def check_answers(self, places: Sequence[Place | RefusedRecord], expected: Sequence[Answer]) -> None:
        """The engine must answer each visitor as the model does. Raises Mismatch."""
        got = [answer_of(it) for it in places]
        if got != list(expected):
            raise Mismatch("answer", [f"answer: model {expected}, engine {got}"])

    def _record(self, now: view.View) -> None:
        self.history.burst = max(self.history.burst, self.model.rules.capacity / UNIT)
        admitted = self._admitted_before + now.admitted
        self.history.moments.append(
            AdmissionSample(self.now_ms, admitted, self.model.given_back, self._earned)
        )


def answer_of(place: Place | RefusedRecord) -> Answer:
    """An answer of the engine in the words of the model."""
    if isinstance(place, RefusedRecord):
        return Answer(place.word)
    return Answer(
        place.state,
        place.token_number or 0,
        -1 if place.ahead is None else place.ahead,
        place.claim_by_ms or place.session_expires_at_ms,
        place.new,
    )
