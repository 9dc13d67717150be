"""The life of reservations and their payments under any order of steps, each of which may be interrupted.

`test_hold_life.py` predicts the fate of each hold. This test lets the gateway decline, fail, answer late or
too late, and states what must never happen: leaving a final state, selling more than there is, charging
twice, tickets without money, money without tickets.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import Refusal
from app.core.model import ReservationId
from app.payments.gateways.simulated import SimulatedGateway
from app.reservations import checkout, consistency, holds, reconcile, settlement
from app.reservations.checkout import Payment, cancel, confirm, extend
from app.reservations.operations import check
from app.store.connections import Stores
from app.store.sql.payments import payments
from app.store.sql.payments.payments import Attempt
from app.store.sql.reservations import hold_endings
from tests.reservations.test_hold_life import MOST, TOTAL, VISITORS, Sale, Step
from tests.support.sales import GALA, LIVE, a_sale, a_session, an_engine, rows, stock

EXTEND_S = 60
KINDS = [
    *["reserve"] * 5,
    *["tok_ok", "tok_ok", "tok_declined", "tok_error", "tok_slow", "tok_late"],
    *["asked_cut", "charged_cut", "sold_cut", "cancel", "cancel_cut", "expire", "expire_cut", "extend"],
    *["ask", "repeat", "work", "decide", "time", "settle", "settle", "mend", "wipe", "reconcile"],
]
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, VISITORS - 1), st.integers(1, MOST)),
    min_size=15,
    max_size=40,
)
# What a status may have become since the last check; several steps of one payment may lie in between.
NEXT = {
    "held": {"held", "paying", "confirmed", "cancelled", "expired"},
    "paying": {"held", "paying", "confirmed", "expired"},
    "confirmed": {"confirmed", "cancelled"},
    "cancelled": {"cancelled"},
    "expired": {"expired"},
}
MONEY = """
SELECT r.reservation_id, r.status, r.extended_s, r.amount,
       (SELECT sum(quantity) FROM jsonb_to_recordset(r.items) AS line (quantity bigint)) AS wanted,
       (SELECT count(*) FROM tickets WHERE tickets.reservation_id = r.reservation_id) AS tickets,
       coalesce((SELECT array_agg(c.amount) FROM payments JOIN simulated_charges c USING (payment_id)
                 WHERE payments.reservation_id = r.reservation_id AND approved AND refunded_at IS NULL),
                '{}') AS kept,
       (SELECT count(*) FROM payments
        WHERE payments.reservation_id = r.reservation_id AND status IN ('asked', 'refunding')) AS open
FROM reservations r
"""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for an answer here; time passes in a step of its own."""
    monkeypatch.setattr(consistency, "PAUSE_S", 0)
    for name in ("CONFIRM_WAIT_S", "POLL_S"):
        monkeypatch.setattr(checkout, name, 0)
    for name in ("ASK_AGAIN_AFTER_S", "LOST_AFTER_S"):
        monkeypatch.setattr(settlement, name, 0)


@dataclass
class PaidSale(Sale):
    """The engine, and the status of every reservation at the last check."""

    seen: dict[str, str] = field(default_factory=dict)

    async def take(self, step: Step) -> None:
        """Take one step. Steps of a reservation are taken twice, as by a client that got no answer."""
        kind, visitor, number = step
        stores = self.engine.stores
        if kind == "time":
            await self.pass_time()
        elif kind == "settle":
            await settlement.settle_payments(stores, SimulatedGateway(stores.postgres))
        elif kind == "reconcile":
            assert (await reconcile.reconcile(stores, GALA, repair=True)).left == []
        elif kind in ("reserve", "ask", "repeat", "work", "decide", "expire", "expire_cut", "mend", "wipe"):
            await super().take(step)
        elif self.seen:
            reservation_id = ReservationId(list(self.seen)[(visitor * MOST + number) % len(self.seen)])
            for _ in range(2):
                with suppress(Refusal):
                    await self.touch(kind, reservation_id, f"{kind}{number}")

    async def touch(self, kind: str, reservation_id: ReservationId, key: str) -> None:
        """Pay for it, extend it or cancel it, or do as much of that as a dying process would."""
        postgres = self.engine.stores.postgres
        if kind.startswith("tok_"):
            await confirm(self.engine, reservation_id, Payment("card", kind), key)
        elif kind == "extend":
            await extend(self.engine, reservation_id)
        elif kind == "cancel":
            await cancel(self.engine, reservation_id)
        elif kind == "cancel_cut":
            await hold_endings.cancel(postgres, reservation_id)
        else:
            attempt = Attempt(
                self.engine.signed(f"{reservation_id}{key}"), reservation_id, "", "card", "tok_ok"
            )
            bill = (await payments.begin(postgres, [attempt])).get(attempt.payment_id)
            if bill is None or kind == "asked_cut":
                return
            await SimulatedGateway(postgres).charge(attempt, bill)
            if kind == "sold_cut":
                await payments.confirm(postgres, [attempt.payment_id])

    async def pass_time(self) -> None:
        """Let every hold run out, then every charge finish."""
        postgres = self.engine.stores.postgres
        await postgres.execute(
            "UPDATE reservations SET expires_at = now() - interval '1 s' WHERE status IN ('held', 'paying')"
        )
        await postgres.execute("UPDATE simulated_charges SET settles_at = now() WHERE settles_at > now()")

    async def verify(self) -> None:
        """Check what must hold at any moment."""
        found = await self.engine.stores.postgres.fetch(MONEY)
        now = {row["reservation_id"]: row["status"] for row in found}
        assert self.seen.keys() <= now.keys(), "a reservation vanished"
        for reservation_id, was in self.seen.items():
            assert now[reservation_id] in NEXT[was], f"{was} became {now[reservation_id]}"
        taken = sum(row["wanted"] for row in found if row["status"] in ("held", "paying", "confirmed"))
        assert taken <= TOTAL
        for row in found:
            assert len(row["kept"]) <= 1, "charged twice"
            assert row["extended_s"] in (0, EXTEND_S)
            assert row["tickets"] == (row["wanted"] if row["status"] == "confirmed" else 0)
            if row["status"] == "confirmed":
                assert row["kept"] == [row["amount"]], "confirmed but not paid"
        free, held, sold = await stock(self.engine.stores.redis, "floor", LIVE)
        assert free >= 0
        assert free + held + sold == TOTAL
        self.seen = now

    async def finish(self) -> None:
        """Once everything has finished: nothing is stranded, and money was taken only for tickets."""
        stores = self.engine.stores
        await self.work()
        for _ in range(2):
            await self.pass_time()
            await settlement.settle_payments(stores, SimulatedGateway(stores.postgres))
            await holds.expire_due(stores)
        await holds.repair(stores, older_than_s=0)
        await self.verify()
        for row in await stores.postgres.fetch(MONEY):
            assert row["status"] in ("confirmed", "cancelled", "expired")
            assert row["open"] == 0
            assert len(row["kept"]) == (row["status"] == "confirmed"), "money without tickets"
        assert await check(stores, GALA) == []
        assert await rows(stores) == self.seen


async def _run(stores: Stores, steps: list[Step]) -> None:
    await stores.redis.flushall()
    await stores.postgres.execute("TRUNCATE rooms CASCADE")
    await a_sale(stores, {"floor": TOTAL}, max_tickets=MOST, ends_on_confirm=0)
    await stores.postgres.execute("UPDATE events SET hold_extend_s = $1", EXTEND_S)
    async with an_engine(stores) as engine:
        sale = PaidSale(engine, [await a_session(stores) for _ in range(VISITORS)])
        for step in steps:
            await sale.take(step)
            await sale.verify()
        await sale.finish()


@settings(max_examples=18, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_no_order_of_steps_loses_a_ticket_or_money(stores: Stores, steps: list[Step]) -> None:
    await _run(stores, steps)
