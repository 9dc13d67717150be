"""A room twice: the model and the scripts on a real Valkey, at a pinned time. Each step goes to both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.core.model import Place, RoomId, VisitorId
from app.store import control_scripts, room_scripts
from app.store.connections import RedisClient
from app.store.control_scripts import Numbers, RestorePoint
from app.store.keys import RoomKeys
from app.store.room_scripts import NO_TOKEN, AskRecord, JoinRecord, Refused
from load.verdict import Admitted
from tests.simulation import view
from tests.simulation.invariants import ROOM, History, Look
from tests.simulation.model import UNIT, RoomModel, Rules, Standing
from tests.simulation.steps import Step

START_MS = 2_000_000_000_000  # a whole second, far from any real clock
TICKETS = (5, 0, 5)
OFF = {"rate": 0, "burst": 1}  # throttles have tests of their own


class Differs(AssertionError):
    """Model and engine do not agree, or an invariant does not hold; `kind` tells apart what went wrong."""

    def __init__(self, kind: str, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.kind = kind


def conf_of(rules: Rules, event_id: str) -> dict[str, str | int]:
    """The settings in the words of `conf`."""
    return {
        "rate": rules.rate,
        "burst": rules.burst,
        "active_max": rules.active_max,
        "claim_window_ms": rules.claim_window_s * 1000,
        "session_ttl_ms": rules.session_ttl_s * 1000,
        "visitors_per_ticket": str(rules.visitors_per_ticket),
        "ends_on_confirm": int(rules.ends_on_confirm),
        "method": "lottery" if rules.lottery else "fifo",
        "prequeue_at_ms": rules.prequeue_at_ms,
        "opens_at_ms": rules.opens_at_ms,
        "closes_at_ms": rules.closes_at_ms,
        "event_id": event_id,
    }


class RoomWorld:
    """One room without Postgres: the numbers it would know of are what the step `numbers` says."""

    def __init__(self, redis: RedisClient, rules: Rules, draws: dict[str, int], *, event: bool) -> None:
        self.redis = redis
        self.keys = RoomKeys(RoomId("room"))
        self.now_ms = START_MS
        self.version = 1
        self.event_id = "event" if event else ""
        self.model = RoomModel(rules, draws, TICKETS if event else None, tick_ms=START_MS)
        self.before = view.of_model(self.model)
        self.history = History(burst=rules.capacity / UNIT)
        self.earned = 0.0
        self.drawing: tuple[int, list[VisitorId]] = (0, [])
        self.looked: Numbers | None = None

    async def load(self) -> None:
        """Bring the room into an empty Redis."""
        await self.redis.flushall()
        fresh: dict[str, str | int] = {
            "version": 1,
            "state": "scheduled",
            "opened_at_ms": 0,
            "closed_at_ms": 0,
        }
        point = RestorePoint(1, 0, 0, 0, 0, 0, 0, 0)
        conf = conf_of(self.model.rules, self.event_id) | fresh
        assert await control_scripts.restore(self.redis, self.keys, conf, point, now_ms=self.now_ms)
        assert await control_scripts.finish_restore(
            self.redis, self.keys, epoch=1, window_ms=0, now_ms=self.now_ms
        )
        if self.event_id:
            await self.stock(*TICKETS)

    async def take(self, step: Step) -> None:
        """Do one step on both sides and compare. Raises Differs."""
        await getattr(self, step.verb)(*step.arguments)
        await self.check()

    async def check(self) -> None:
        """Both sides look the same, and everything holds that must."""
        now, lasting = await view.of_engine(self.redis, self.keys)
        if differences := view.of_model(self.model).differences(now):
            raise Differs("state", differences)
        rules = self.model.rules
        self.history.burst = max(self.history.burst, rules.capacity / UNIT)
        self.history.moments.append(Admitted(self.now_ms, now.admitted, self.model.given_back, self.earned))
        look = Look(
            self.before,
            now,
            self.history,
            rules.active_max,
            rules.visitors_per_ticket,
            rules.lottery,
            lasting,
        )
        for invariant in ROOM:
            if wrong := list(invariant(look)):
                raise Differs(invariant.__name__, wrong)
        for visitor in now.active.keys() - self.before.active.keys():
            self.history.turns_of[now.turns[visitor]] = visitor
        self.before = now

    def same(self, told: Sequence[Place | Refused], expected: Sequence[Standing]) -> None:
        """The engine told each visitor what the model says. Raises Differs."""
        got = [_standing(it) for it in told]
        if got != list(expected):
            raise Differs("told", [f"told: model {expected}, engine {got}"])

    # steps --------------------------------------------------------------------------------------------
    async def wait(self, ms: int) -> None:
        if self.model.state == "open":
            self.earned += ms * self.model.rules.rate / UNIT
        self.now_ms += ms

    async def join(self, *visitors: str) -> None:
        records = [JoinRecord(it, "", self.model.draws[it], NO_TOKEN, 0) for it in visitors]
        answers = await room_scripts.join(self.redis, self.keys, records, **OFF, now_ms=self.now_ms)
        self.same(answers.places, self.model.join(visitors, self.now_ms))

    async def place(self, visitor: str) -> None:
        answers = await room_scripts.place(
            self.redis, self.keys, [self._ask(visitor)], **OFF, now_ms=self.now_ms
        )
        self.same(answers.places, [self.model.place(visitor, self.now_ms)])

    async def claim(self, visitor: str) -> None:
        answers = await room_scripts.claim(
            self.redis, self.keys, [self._ask(visitor)], **OFF, now_ms=self.now_ms
        )
        self.same(answers.places, [self.model.claim(visitor, self.now_ms)])

    async def leave(self, visitor: str) -> None:
        told = await room_scripts.leave(self.redis, self.keys, VisitorId(visitor), now_ms=self.now_ms)
        self.model.leave(visitor, self.now_ms)
        expected = self.model.place(visitor, self.now_ms).state
        if expected not in ("removed", told):
            raise Differs("told", [f"told: model {expected}, engine {told}"])

    async def remove(self, visitor: str) -> None:
        await room_scripts.remove(self.redis, self.keys, VisitorId(visitor), now_ms=self.now_ms)
        self.model.remove(visitor, self.now_ms)

    async def admit(self, workers: int) -> None:
        for _ in range(workers):
            await control_scripts.admit(self.redis, self.keys, limit=1000, now_ms=self.now_ms)
            self.model.admit(self.now_ms)

    async def draw_look(self, count: int) -> None:
        found = await control_scripts.undrawn(self.redis, self.keys, limit=count, now_ms=self.now_ms)
        expected = self.model.undrawn(count)
        if found.visitor_ids != expected or found.draw_next != self.model.draw_next:
            raise Differs("told", [f"undrawn: model {self.model.draw_next} {expected}, engine {found}"])
        self.drawing = found.draw_next, found.visitor_ids

    async def draw(self) -> None:
        first, visitors = self.drawing
        records = {visitor: first + at for at, visitor in enumerate(visitors)}
        draw_next = first + len(visitors)
        await control_scripts.draw(self.redis, self.keys, records, expected=first, draw_next=draw_next)
        if first == self.model.draw_next:
            self.history.passed_over += len(set(visitors) - self.model.prequeue.keys())
        self.model.draw([*visitors], first)

    async def state(self, state: str) -> None:
        await self._change(self.model.rules, state)

    async def settings(self, *changes: tuple[str, Any]) -> None:
        await self._change(replace(self.model.rules, **dict(changes)), self.model.state)

    async def numbers(self, more: int) -> None:
        self.looked = await control_scripts.numbers(self.redis, self.keys)
        await self.numbers_late(more)

    async def numbers_late(self, more: int) -> None:
        """Postgres knows of more numbers; what was looked at may be out of date by now."""
        if self.looked is None:
            return
        upto = self.looked.numbers_reserved + more
        raised = await control_scripts.raise_numbers(
            self.redis, self.keys, epoch=1, draw_last=self.looked.draw_last, numbers=upto
        )
        if raised != (self.looked.draw_last == self.model.draw_last):
            raise Differs("told", [f"numbers raised: {raised} after {self.looked}"])
        if raised:
            self.model.reserved = max(self.model.reserved, upto)

    async def buy(self, visitor: str) -> None:
        """The other half marks an active visitor as one who holds something."""
        if visitor in self.model.active:
            await self.redis.sadd(self.keys.buyers, visitor)
            self.model.buyers.add(visitor)

    async def stock(self, free: int, held: int, total: int) -> None:
        """The other half has other stock."""
        if self.event_id:
            counts = {"free": free, "held": held, "total": total}
            await self.redis.hset(self.keys.stock, mapping=counts)
            self.model.tickets = free, held, total

    async def _change(self, rules: Rules, state: str) -> None:
        self.version += 1
        conf = conf_of(rules, self.event_id)
        await control_scripts.configure(
            self.redis, self.keys, conf, version=self.version, to=state, now_ms=self.now_ms
        )
        self.model.change(rules, state, self.now_ms)

    def _ask(self, visitor: str) -> AskRecord:
        return AskRecord(visitor, self.model.draws[visitor], NO_TOKEN, 0)


def _standing(told: Place | Refused) -> Standing:
    if isinstance(told, Refused):
        return Standing(told.word)
    return Standing(
        told.state,
        told.token_number or 0,
        -1 if told.ahead is None else told.ahead,
        told.claim_by_ms or told.session_expires_at_ms,
        told.new,
    )
