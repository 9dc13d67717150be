"""The life of holds under any order of steps, checked against a model made of a few dicts.

Steps may be interrupted between the stores and may be repeated. Whatever happens, nothing is oversold or
stranded, a hold ends once, and after a repair both stores agree with the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import Refusal
from app.core.model import ReservationId
from app.core.tokens.claims import BookingClaims
from app.reservations import batches, holds
from app.reservations.checkout import Payment, cancel, confirm
from app.reservations.operations import check
from app.reservations.pending import ReservationEngine
from app.restoring.stock import rebuild_stock
from app.store.connections import Stores
from app.store.redis import submissions
from app.store.sql.reservations import hold_endings
from tests.support.sales import GALA, HALL, LIVE, a_sale, a_session, an_engine, reserve_tickets, rows, stock

TOTAL, MOST, VISITORS = 6, 4, 3
READ = "worker1"

Step = tuple[str, int, int]
KINDS = ["reserve"] * 4 + [
    "ask",
    "work",
    "repeat",
    "decide",
    "expire",
    "expire_cut",
    "cancel",
    "pay",
    "pay",
    "mend",
    "wipe",
]
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, VISITORS - 1), st.integers(1, MOST)),
    min_size=20,
    max_size=40,
)


@dataclass
class Model:
    """What must be true: the reservations whose outcome was returned, and the number of tickets of each."""

    quantity: dict[str, int] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    visitor: dict[str, int] = field(default_factory=dict)

    def taken(self, visitor: int | None = None) -> int:
        """Tickets held and sold, in total or by one visitor."""
        return sum(
            quantity
            for it, quantity in self.quantity.items()
            if self.status[it] in ("held", "confirmed") and visitor in (None, self.visitor[it])
        )


@dataclass
class Sale:
    """The engine, the model beside it, and the requests in flight."""

    engine: ReservationEngine
    claims: list[BookingClaims]
    model: Model = field(default_factory=Model)
    requests: list[tuple[ReservationId, int, int, str]] = field(default_factory=list)
    epoch: int = 1

    async def take(self, step: Step) -> None:
        """Take one step in both the engine and the model."""
        kind, visitor, number = step
        if kind in ("ask", "reserve"):
            await self.reserve(visitor, number, f"key{len(self.requests)}")
        elif kind == "repeat" and self.requests:
            await self.reserve(*self.requests[number % len(self.requests)][1:])
        if kind in ("work", "reserve"):
            await self.work()
        elif kind == "decide":
            await self.decide_and_die()
        elif kind in ("expire", "expire_cut"):
            await self.expire(cut=kind == "expire_cut")
        elif kind == "wipe":
            await self.wipe()
        elif kind == "mend":
            await holds.repair(self.engine.stores, older_than_s=0)
        elif kind in ("pay", "cancel", "cancel_cut"):
            await self.end(kind, number)

    async def reserve(self, visitor: int, quantity: int, key: str) -> None:
        """Submit a request; unless it is refused immediately, the worker decides."""
        claims, items = self.claims[visitor], f"floor:{quantity}"
        try:
            reserved = await reserve_tickets(self.engine, claims, items, key=key, wait=False)
        except Refusal:
            return
        self.requests.append((reserved.reservation_id, visitor, quantity, key))

    async def work(self) -> None:
        """What a lane does, once; and once more, as another worker might."""
        stores = self.engine.stores
        messages = await submissions.read_new(stores.redis, LIVE, READ)
        messages += [it for it in await submissions.read_own(stores.redis, LIVE, READ) if it not in messages]
        if messages:
            batch = await batches.decide(stores, HALL, messages)
            await batches.record(stores, batch)
            await batches.record(stores, batch)
            await self.learn()

    async def decide_and_die(self) -> None:
        """A worker that decided a batch and was killed before it wrote anything."""
        messages = await submissions.read_new(self.engine.stores.redis, LIVE, READ)
        if messages:
            await batches.decide(self.engine.stores, HALL, messages)

    async def learn(self) -> None:
        """Take over the decisions into the model; rows never disappear."""
        stored = await rows(self.engine.stores)
        for reservation_id, visitor, quantity, _ in self.requests:
            if reservation_id in stored and reservation_id not in self.model.status:
                self.model.quantity[reservation_id] = quantity
                self.model.visitor[reservation_id] = visitor
                self.model.status[reservation_id] = "held"

    async def expire(self, *, cut: bool) -> None:
        """Let every hold run out; with `cut`, Redis does not learn of it."""
        stores = self.engine.stores
        await stores.postgres.execute("UPDATE reservations SET expires_at = now() WHERE status = 'held'")
        await (hold_endings.expire_due(stores.postgres) if cut else holds.expire_due(stores))
        for reservation_id, status in self.model.status.items():
            if status == "held":
                self.model.status[reservation_id] = "expired"

    async def end(self, kind: str, number: int) -> None:
        """Pay for or cancel one of the reservations, whatever its state, and do it again."""
        if not self.model.status:
            return
        reservation_id = ReservationId(list(self.model.status)[number % len(self.model.status)])
        was = self.model.status[reservation_id]
        for _ in range(2):
            try:
                if kind == "pay":
                    await confirm(self.engine, reservation_id, Payment("card", "tok_ok"), "pay")
                elif kind == "cancel":
                    await cancel(self.engine, reservation_id)
                else:
                    await hold_endings.cancel(self.engine.stores.postgres, reservation_id)
            except Refusal:
                continue
        if kind == "pay" and was == "held":
            self.model.status[reservation_id] = "confirmed"
        elif kind != "pay" and was in ("held", "confirmed"):
            self.model.status[reservation_id] = "cancelled"

    async def wipe(self) -> None:
        """Redis is lost. Submissions in flight are gone; nothing that was confirmed to a caller is."""
        stores = self.engine.stores
        self.epoch += 1
        conf = await stores.redis.hgetall(LIVE.conf)
        active = await stores.redis.zrange(LIVE.active, 0, -1, withscores=True)
        await stores.redis.flushall()
        await stores.postgres.execute("UPDATE rooms SET epoch = $1", self.epoch)
        await stores.redis.hset(LIVE.conf, mapping={**conf, "epoch": self.epoch, "restoring": 1})
        await stores.redis.zadd(LIVE.active, dict(active))
        await rebuild_stock(stores, HALL, GALA, epoch=self.epoch)
        await stores.redis.hset(LIVE.conf, "restoring", "0")

    async def verify(self) -> None:
        """Check the invariants, which hold at any moment."""
        assert self.model.taken() <= TOTAL
        for visitor in range(VISITORS):
            assert self.model.taken(visitor) <= MOST
        assert await rows(self.engine.stores) == self.model.status
        free, held, sold = await stock(self.engine.stores.redis, "floor", LIVE)
        assert free >= 0
        assert free + held + sold == TOTAL

    async def finish(self) -> None:
        """Once everything in flight has arrived, the stores agree and every ticket is accounted for."""
        await self.work()
        await holds.repair(self.engine.stores, older_than_s=0)
        assert await check(self.engine.stores, GALA) == []
        _, held, sold = await stock(self.engine.stores.redis, "floor", LIVE)
        assert held + sold == self.model.taken()


async def _run(stores: Stores, steps: list[Step]) -> None:
    await stores.redis.flushall()
    await stores.postgres.execute("TRUNCATE rooms CASCADE")
    await a_sale(stores, {"floor": TOTAL}, max_tickets=MOST, ends_on_confirm=0)
    async with an_engine(stores) as engine:
        sale = Sale(engine, [await a_session(stores) for _ in range(VISITORS)])
        for step in steps:
            await sale.take(step)
            await sale.verify()
        await sale.finish()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_no_order_of_steps_oversells_or_strands_a_ticket(stores: Stores, steps: list[Step]) -> None:
    await _run(stores, steps)
