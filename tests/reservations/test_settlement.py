"""Payments that the gateway leaves open: it is asked until it has answered, and nothing is done twice."""

from __future__ import annotations

import pytest

from app.core.model import ReservationId
from app.core.payments.refunds import Refund
from app.payments.gateway import Charge, GatewayFailed, NotDecided, Refused
from app.payments.gateways.simulated import SimulatedGateway
from app.reservations import refunds, settlement
from app.reservations.checkout import cancel, confirm
from app.reservations.pending import ReservationEngine
from app.reservations.refunds import NewRefund
from app.reservations.settlement import check_payment, conclude, process_message, settle_payments
from app.store.connections import Stores
from app.store.sql.payments import payments as payment_rows
from app.store.sql.payments.payments import Attempt
from app.store.sql.payments.refunds import select_one
from tests.support.builders import STAFF
from tests.support.payments import a_hold, card, current_state, payments, total_charged
from tests.support.sales import GALA, PAID_LATE, a_shop, counters

DUE = "UPDATE payments SET created_at = now() - interval '1 minute', refund_due_at = now()"


class Failing(SimulatedGateway):
    """A gateway that charges, and fails at everything else in the same way."""

    def __init__(self, stores: Stores, failure: GatewayFailed) -> None:
        super().__init__(stores.postgres)
        self.failure = failure

    async def look_up(self, payment_id: str) -> Charge | None:
        raise self.failure

    async def refund(self, payment_id: str) -> None:
        raise self.failure

    async def refund_part(self, refund: Refund) -> None:
        raise self.failure


async def an_unsent_payment(engine: ReservationEngine) -> ReservationId:
    """A payment `p1` the gateway has never heard of: the process died before it asked."""
    reservation_id = await a_hold(engine)
    attempt = Attempt("p1", reservation_id, "print", "card", "tok_ok")
    assert await payment_rows.begin(engine.stores.postgres, [attempt])
    await engine.stores.postgres.execute(DUE)
    return reservation_id


@pytest.mark.parametrize(
    ("failure", "asked_again"),
    [(NotDecided("yet"), True), (GatewayFailed("silent"), True), (Refused("no"), False)],
)
async def test_a_refund_is_asked_for_again_unless_it_was_refused(
    stores: Stores, failure: GatewayFailed, asked_again: bool
) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await confirm(engine, reservation_id, card(), "pay")
        engine.gateway = Failing(stores, failure)
        assert (await cancel(engine, reservation_id)).status == "cancelled"
        assert await payments(stores) == ["refunding"]
        await stores.postgres.execute(
            "UPDATE payments SET refund_due_at = now() WHERE refund_due_at < 'infinity'"
        )
        await stores.postgres.execute("UPDATE payments SET created_at = now() - interval '1 minute'")
        await settle_payments(stores, SimulatedGateway(stores.postgres))
        assert await payments(stores) == ["refunded" if asked_again else "refunding"]
        assert (await total_charged(stores) == 0) is asked_again


async def test_a_partial_refund_the_gateway_does_not_answer_stays_owed_and_is_made_once(
    stores: Stores,
) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await confirm(engine, reservation_id, card(), "pay")
        engine.gateway = Failing(stores, GatewayFailed("silent"))
        made = await refunds.refund(engine, reservation_id, NewRefund(amount=1500), "key", by=STAFF)
        assert (made.state, made.why) == ("owed", "silent")
        assert await total_charged(stores) == 10_000
        await settle_payments(stores, SimulatedGateway(stores.postgres))  # not due yet
        await stores.postgres.execute("UPDATE refunds SET due_at = now()")
        for _ in range(2):
            await settle_payments(stores, SimulatedGateway(stores.postgres))
        found = await select_one(stores.postgres, made.refund_id)
        assert found is not None
        assert found.refund.state == "done"
        returned = "SELECT value::bigint FROM simulated_charges, jsonb_each_text(refunds)"
        assert [it[0] for it in await stores.postgres.fetch(returned)] == [1500]


async def test_a_payment_whose_fate_is_unknown_keeps_its_hold(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await an_unsent_payment(engine)
        silent = Failing(stores, GatewayFailed("silent"))
        assert await settle_payments(stores, silent) == 1
        await check_payment(stores, silent, "p1")
        assert (await current_state(engine, reservation_id)).status == "paying"
        assert await counters(stores) == (2, 0)


class RefundsNothing(SimulatedGateway):
    """A gateway that cannot make sure yet that nothing will be charged."""

    async def refund(self, payment_id: str) -> None:
        raise NotDecided("yet")


async def test_a_payment_that_never_arrived_frees_its_hold_once_it_cannot_charge_any_more(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await an_unsent_payment(engine)
        monkeypatch.setattr(settlement, "LOST_AFTER_S", 3600)
        await settle_payments(stores, engine.gateway)  # it may still arrive
        assert await payments(stores) == ["asked"]
        monkeypatch.setattr(settlement, "LOST_AFTER_S", 0)
        await settle_payments(stores, RefundsNothing(stores.postgres))
        assert await payments(stores) == ["asked"]
        await settle_payments(stores, engine.gateway)
        assert await payments(stores) == ["failed"]
        assert (await current_state(engine, reservation_id)).status == "held"


async def test_two_processes_that_find_the_same_late_payment_refund_it_once(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 2}) as engine:
        reservation_id = await a_hold(engine)
        attempt = Attempt("p1", reservation_id, "print", "card", "tok_ok")
        bills = await payment_rows.begin(stores.postgres, [attempt])
        await engine.gateway.charge(attempt, bills["p1"])
        await stores.postgres.execute(PAID_LATE, GALA)
        charge = await engine.gateway.look_up("p1")
        assert charge is not None
        assert charge.status == "succeeded"
        for _ in range(2):
            await conclude(stores, engine.gateway, "p1", charge)
        assert await payments(stores) == ["refunded"]
        assert await total_charged(stores) == 0
        assert (await current_state(engine, reservation_id)).status == "expired"
        assert await counters(stores) == (0, 0)


async def test_a_payment_nobody_knows_is_no_reason_to_do_anything(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await check_payment(stores, engine.gateway, "unknown")
        for _ in range(2):
            await process_message(stores, engine.gateway, "message", "unknown")
        assert await payments(stores) == []
