"""The gateway behind its guard: a deadline, and a circuit breaker that opens on repeated failures."""

from __future__ import annotations

import asyncio

import pytest

from app import metrics
from app.core.errors import PaymentDeclined
from app.payments.gateway import (
    FAILURES_MAX,
    Charge,
    CircuitOpen,
    GatewayFailed,
    GuardedGateway,
)
from app.payments.gateways.simulated import SimulatedGateway
from app.reservations.checkout import confirm
from app.reservations.settlement import CHECKED_AT_ONCE, settle_payments
from app.store.connections import Stores
from app.store.sql.payments.payments import Attempt, Bill
from tests.support.payments import a_hold, card, current_state, total_charged
from tests.support.sales import a_shop
from tests.support.waiting import wait_until

BILL = Bill(100, "EUR", 0)


def attempt(payment_id: str, token: str = "tok_ok") -> Attempt:
    return Attempt(payment_id, "r1", "", "card", token)


def circuit() -> str:
    """The state that is reported."""
    (metric,) = metrics.CIRCUIT.collect()
    shown = {sample.labels["state"]: sample.value for sample in metric.samples}
    (state,) = [name for name, value in shown.items() if value]
    return state


async def fail(gateway: GuardedGateway, times: int = FAILURES_MAX) -> None:
    for i in range(times):
        with pytest.raises(GatewayFailed):
            await gateway.charge(attempt(f"bad{i}", "tok_error"), BILL)


async def test_a_gateway_that_fails_again_and_again_is_left_alone_for_a_while(stores: Stores) -> None:
    gateway = GuardedGateway(SimulatedGateway(stores.postgres), left_alone_s=0.3)
    await fail(gateway)
    assert circuit() == "opened"
    with pytest.raises(CircuitOpen):
        await gateway.charge(attempt("good"), BILL)
    assert await stores.postgres.fetchval("SELECT count(*) FROM simulated_charges") == 0

    async def asked_again() -> Charge | None:
        try:
            return await gateway.charge(attempt("good"), BILL)
        except CircuitOpen:
            return None

    assert (await wait_until(asked_again, "the next try")).status == "succeeded"
    assert circuit() == "closed"


async def test_one_answer_starts_the_count_anew(stores: Stores) -> None:
    gateway = GuardedGateway(SimulatedGateway(stores.postgres))
    for i in range(3):
        await fail(gateway, FAILURES_MAX - 1)
        assert (await gateway.charge(attempt(f"good{i}"), BILL)).status == "succeeded"
    assert circuit() == "closed"


async def test_a_payment_that_was_never_sent_is_told_at_once_and_the_hold_stands(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        gateway = GuardedGateway(SimulatedGateway(stores.postgres))
        await fail(gateway)
        real_gateway, engine.gateway = engine.gateway, gateway
        reservation_id = await a_hold(engine)
        with pytest.raises(PaymentDeclined, match="charged nothing"):
            await confirm(engine, reservation_id, card(), "pay")
        assert (await current_state(engine, reservation_id)).status == "held"
        await settle_payments(stores, real_gateway)
        assert await total_charged(stores) == 0
        engine.gateway = real_gateway
        assert (await confirm(engine, reservation_id, card(), "again")).reservation.status == "confirmed"


class _Silent(SimulatedGateway):
    """A gateway that accepts the request and never responds."""

    async def look_up(self, payment_id: str) -> Charge | None:
        await asyncio.Event().wait()
        return None


class _SilentForMost(SimulatedGateway):
    """A gateway that never responds about payments it does not know."""

    async def look_up(self, payment_id: str) -> Charge | None:
        found = await super().look_up(payment_id)
        if found is None:
            await asyncio.Event().wait()
        return found


async def test_payments_the_gateway_is_silent_about_do_not_delay_those_that_are_paid(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 100}) as engine:
        reserved = [await a_hold(engine, "floor:1") for _ in range(CHECKED_AT_ONCE)]
        tokens = ["tok_error"] * (CHECKED_AT_ONCE - 1) + ["tok_slow"]
        answers = await asyncio.gather(
            *(confirm(engine, it, card(token), "pay") for it, token in zip(reserved, tokens, strict=True))
        )
        assert {it.reservation.status for it in answers} == {"paying"}
        await stores.postgres.execute("UPDATE payments SET created_at = now() - interval '1 minute'")
        await stores.postgres.execute("UPDATE simulated_charges SET settles_at = now() - interval '1 s'")
        settling = asyncio.ensure_future(settle_payments(stores, _SilentForMost(stores.postgres)))

        async def confirmed() -> bool:
            return (await current_state(engine, reserved[-1])).status == "confirmed"

        await wait_until(confirmed, "the sale")
        assert not settling.done()
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)


async def test_no_answer_is_a_failure_after_a_deadline(stores: Stores) -> None:
    gateway = GuardedGateway(_Silent(stores.postgres), timeout_s=0.05)
    with pytest.raises(GatewayFailed, match="no answer"):
        await gateway.look_up("p1")


async def test_a_caller_who_went_away_says_nothing_of_the_gateway(stores: Stores) -> None:
    gateway = GuardedGateway(_Silent(stores.postgres))
    calls = [asyncio.ensure_future(gateway.look_up("p1")) for _ in range(FAILURES_MAX)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert circuit() == "closed"
