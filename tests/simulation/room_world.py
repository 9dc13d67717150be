"""A room twice: the model and the scripts on a real Valkey at a pinned time. Both take each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.model import RoomId, VisitorId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import admission, restoring, room
from app.store.scripts.admission import Numbers
from app.store.scripts.restoring import RestorePoint
from app.store.scripts.room import NO_TOKEN, NUMBERLESS, AskRecord, JoinRecord
from tests.simulation.model import TICKETS_MAX, RoomModel
from tests.simulation.rules import Rules
from tests.simulation.steps import NETWORKS, Step
from tests.simulation.watch import Mismatch, Watch

START_MS = 2_000_000_000_000  # a whole second, far from any real clock
TICKETS = (5, 0, 5)
OFF = {"rate": 0, "burst": 1}  # throttles have their own tests


def conf_of(rules: Rules, event_id: str) -> dict[str, str | int]:
    """The settings in the words of `conf`."""
    lanes: dict[str, str | int] = {"lanes": " ".join(map(str, rules.lanes))} if rules.lanes else {}
    return lanes | {
        "rate": rules.rate,
        "burst": rules.burst,
        "active_max": rules.active_max,
        "claim_window_ms": rules.claim_window_s * 1000,
        "per_network": rules.per_network,
        "session_ttl_ms": rules.session_ttl_s * 1000,
        "visitors_per_ticket": str(rules.visitors_per_ticket),
        "ends_on_confirm": int(rules.ends_on_confirm),
        "method": "lottery" if rules.lottery else "fifo",
        "prequeue_at_ms": rules.prequeue_at_ms,
        "opens_at_ms": rules.opens_at_ms,
        "closes_at_ms": rules.closes_at_ms,
        "event_id": event_id,
        "max_tickets": TICKETS_MAX,
    }


class RoomWorld:
    """One room without Postgres: the step `numbers` states which numbers Postgres would know."""

    def __init__(
        self,
        redis: RedisClient,
        rules: Rules,
        draws: dict[str, int],
        *,
        event: bool,
        networks: Mapping[str, str] = NETWORKS,
    ) -> None:
        self.redis = redis
        self.keys = RoomKeys(RoomId("room"))
        self.version = 1
        self.event_id = "event" if event else ""
        self.model = RoomModel(rules, draws, TICKETS if event else None, tick_ms=START_MS, networks=networks)
        self.watch = Watch(redis, self.keys, self.model, START_MS)
        self.undrawn: tuple[int, list[VisitorId]] = (0, [])
        self.numbers_read: Numbers | None = None

    @property
    def now_ms(self) -> int:
        """The pinned time."""
        return self.watch.now_ms

    async def load(self) -> None:
        """Load the room into an empty Redis."""
        await self.redis.flushall()
        fresh: dict[str, str | int] = {
            "version": 1,
            "state": "scheduled",
            "opened_at_ms": 0,
            "closed_at_ms": 0,
        }
        point = RestorePoint(1, 0, 0, 0, 0, 0, 0, 0)
        conf = conf_of(self.model.rules, self.event_id) | fresh
        assert await restoring.restore(self.redis, self.keys, conf, point, now_ms=self.now_ms)
        assert await restoring.finish_restore(self.redis, self.keys, epoch=1, window_ms=0, now_ms=self.now_ms)
        if self.event_id:
            await self.stock(*TICKETS)

    async def take(self, step: Step) -> None:
        """Take one step on both sides and compare. Raises Mismatch."""
        await getattr(self, step.verb)(*step.arguments)
        await self.watch.check()

    # steps --------------------------------------------------------------------------------------------
    async def wait(self, ms: int) -> None:
        self.watch.pass_time(ms)

    async def join(self, *visitors: str) -> None:
        await self._join(visitors)

    async def join_for(self, visitor: str, quantity: int) -> None:
        await self._join((visitor,), quantity)

    async def _join(self, visitors: tuple[str, ...], quantity: int = 0) -> None:
        # Without a token the script looks for a place only while there are numbers to give.
        plenty = self.model.last + len(visitors) <= self.model.reserved
        known = (NO_TOKEN, 0) if plenty else (NUMBERLESS, 1)
        records = [
            JoinRecord(it, self.model.networks.get(it, ""), self.model.draws[it], *known, quantity=quantity)
            for it in visitors
        ]
        answers = await room.join(self.redis, self.keys, records, **OFF, now_ms=self.now_ms)
        self.watch.check_answers(answers.places, self.model.join(visitors, self.now_ms, quantity))

    async def claim_called(self) -> None:
        """A called visitor claims: if twelve visitors were asked at random, few would be called."""
        if self.model.called:
            await self.claim(min(self.model.called))

    async def place(self, visitor: str) -> None:
        answers = await room.place(self.redis, self.keys, [self._ask(visitor)], **OFF, now_ms=self.now_ms)
        self.watch.check_answers(answers.places, [self.model.place(visitor, self.now_ms)])

    async def want(self, visitor: str, quantity: int) -> None:
        record = self._ask(visitor)._replace(quantity=quantity)
        answers = await room.place(self.redis, self.keys, [record], **OFF, now_ms=self.now_ms)
        self.watch.check_answers(answers.places, [self.model.want(visitor, quantity, self.now_ms)])

    async def claim(self, visitor: str) -> None:
        answers = await room.claim(self.redis, self.keys, [self._ask(visitor)], **OFF, now_ms=self.now_ms)
        self.watch.check_answers(answers.places, [self.model.claim(visitor, self.now_ms)])

    async def leave(self, visitor: str) -> None:
        answer = await room.leave(self.redis, self.keys, VisitorId(visitor), now_ms=self.now_ms)
        self.model.leave(visitor, self.now_ms)
        expected = self.model.place(visitor, self.now_ms).state
        if expected not in ("removed", answer):
            raise Mismatch("answer", [f"answer: model {expected}, engine {answer}"])

    async def remove(self, visitor: str) -> None:
        await room.remove(self.redis, self.keys, VisitorId(visitor), now_ms=self.now_ms)
        self.model.remove(visitor, self.now_ms)

    async def admit(self, workers: int) -> None:
        for _ in range(workers):
            await admission.admit(self.redis, self.keys, limit=1000, now_ms=self.now_ms)
            self.model.admit(self.now_ms)

    async def read_undrawn(self, count: int) -> None:
        found = await admission.undrawn(self.redis, self.keys, limit=count, now_ms=self.now_ms)
        expected = self.model.undrawn(count)
        if found.visitor_ids != expected or found.draw_next != self.model.draw_next:
            raise Mismatch("answer", [f"undrawn: model {self.model.draw_next} {expected}, engine {found}"])
        self.undrawn = found.draw_next, found.visitor_ids

    async def draw(self) -> None:
        first, visitors = self.undrawn
        records = {visitor: first + at for at, visitor in enumerate(visitors)}
        draw_next = first + len(visitors)
        await admission.draw(self.redis, self.keys, records, expected=first, draw_next=draw_next)
        if first == self.model.draw_next:
            self.watch.history.passed_over += len(set(visitors) - self.model.prequeue.keys())
        self.model.draw([*visitors], first)

    async def state(self, state: str) -> None:
        await self._change(self.model.rules, state)

    async def settings(self, *changes: tuple[str, Any]) -> None:
        await self._change(replace(self.model.rules, **dict(changes)), self.model.state)

    async def numbers(self, more: int) -> None:
        self.numbers_read = await admission.numbers(self.redis, self.keys)
        await self.raise_numbers_late(more)

    async def raise_numbers_late(self, more: int) -> None:
        """Postgres knows of more numbers; the number it was asked for may be out of date by now."""
        if self.numbers_read is None:
            return
        upto = self.numbers_read.numbers_reserved + more
        raised = await admission.raise_numbers(
            self.redis, self.keys, epoch=1, draw_last=self.numbers_read.draw_last, numbers=upto
        )
        if raised != (self.numbers_read.draw_last == self.model.draw_last):
            raise Mismatch("answer", [f"numbers raised: {raised} after {self.numbers_read}"])
        if raised:
            self.model.reserved = max(self.model.reserved, upto)

    async def buy(self, visitor: str) -> None:
        """The reservation half marks an active visitor as holding something."""
        if visitor in self.model.active:
            await self.redis.sadd(self.keys.buyers, visitor)
            if quantity := self.model.wants.get(visitor):
                await self.redis.hdel(self.keys.wanted, visitor)
                await self.redis.hincrby(self.keys.wanted, ":inside", 1 - quantity)
            self.model.buy(visitor)

    async def stock(self, free: int, held: int, total: int) -> None:
        """The reservation half reports another stock."""
        if self.event_id:
            counts = {"free": free, "held": held, "total": total}
            await self.redis.hset(self.keys.stock, mapping=counts)
            self.model.tickets = free, held, total

    async def _change(self, rules: Rules, state: str) -> None:
        self.version += 1
        conf = conf_of(rules, self.event_id)
        await admission.configure(
            self.redis, self.keys, conf, version=self.version, to=state, now_ms=self.now_ms
        )
        self.model.change(rules, state, self.now_ms)

    def _ask(self, visitor: str) -> AskRecord:
        return AskRecord(visitor, self.model.draws[visitor], NO_TOKEN, 0)
