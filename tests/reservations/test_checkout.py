"""Paying and cancelling: charged once, never for nothing, and payments that arrive too late are refunded."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from app.core.errors import (
    Conflict,
    HoldExpired,
    IdempotencyKeyReused,
    PaymentDeclined,
    ValidationFailed,
)
from app.core.model import ReservationId
from app.payments.gateway import Charge
from app.reservations import holds
from app.reservations.checkout import cancel, confirm
from app.reservations.operations import check, reserve
from app.reservations.pending import ReservationEngine
from app.reservations.settlement import settle_payments
from app.store.connections import Stores
from app.store.sql.payments.payments import Attempt, Bill
from tests.support.payments import a_hold, card, current_state, payments, settle_until, total_charged
from tests.support.races import WAITING
from tests.support.sales import (
    GALA,
    LIVE,
    PAID_LATE,
    a_session,
    a_shop,
    counters,
    items_of,
    reserve_tickets,
    stock,
)
from tests.support.waiting import wait_until


async def test_a_paid_hold_is_confirmed_and_has_a_ticket_for_each_seat(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine, "floor:2,balcony:1")
        confirmation = await confirm(engine, reservation_id, card(), "pay")
        assert not confirmation.replayed
        sold = confirmation.reservation
        assert sold.status == "confirmed"
        assert sold.confirmed_at_ms > 0
        assert [it["ticket_type_id"] for it in sold.tickets] == ["balcony", "floor", "floor"]
        assert len({it["code"] for it in sold.tickets}) == 3
        assert await counters(stores, "floor") == (0, 2)
        assert await stock(stores.redis, "floor", LIVE) == (8, 0, 2)
        assert await total_charged(stores) == 13_000
        assert await check(stores, GALA) == []


async def test_a_purchase_ends_the_session_in_both_stores(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        reserved = await reserve_tickets(engine, ann)
        await confirm(engine, reserved.reservation_id, card(), "pay")
        assert await stores.redis.zscore(LIVE.active, ann.visitor_id) is None
        assert (await stores.redis.hget(LIVE.endings, ann.visitor_id) or "").startswith("done|")
        assert await stores.postgres.fetchval("SELECT ended_at IS NOT NULL FROM sessions")


@pytest.mark.parametrize(("most", "ended"), [(3, False), (2, True)])
async def test_where_sessions_go_on_the_most_tickets_allowed_end_it(
    stores: Stores, most: int, ended: bool
) -> None:
    async with a_shop(stores, ends_on_confirm=0, max_tickets=most) as engine:
        await stores.postgres.execute("UPDATE rooms SET settings = '{\"session_ends_on_confirm\": false}'")
        await stores.postgres.execute("UPDATE events SET max_tickets_per_visitor = $1", most)
        ann = await a_session(stores)
        for i in (1, 2):
            reserved = await reserve_tickets(engine, ann, "floor:1")
            await confirm(engine, reserved.reservation_id, card(), "pay")
            over = i == 2 and ended
            assert (await stores.redis.zscore(LIVE.active, ann.visitor_id) is None) is over
            assert await stores.postgres.fetchval("SELECT ended_at IS NOT NULL FROM sessions") is over


async def test_the_same_confirm_at_once_charges_once(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        answers = await asyncio.gather(*(confirm(engine, reservation_id, card(), "pay") for _ in range(20)))
        assert {it.reservation.status for it in answers} == {"confirmed"}
        assert sum(not it.replayed for it in answers) == 1
        assert await total_charged(stores) == 10_000
        assert await payments(stores) == ["succeeded"]


async def test_two_payments_at_once_charge_once(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        answers = await asyncio.gather(
            *(confirm(engine, reservation_id, card(), f"pay{i}") for i in range(5))
        )
        assert {it.reservation.status for it in answers} == {"confirmed"}
        assert await total_charged(stores) == 10_000


async def test_many_buyers_at_once(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 40}) as engine:
        reservations = await asyncio.gather(*(a_hold(engine, "floor:1") for _ in range(40)))
        await asyncio.gather(*(confirm(engine, it, card(), "pay") for it in reservations))
        assert await counters(stores) == (0, 40)
        assert await check(stores, GALA) == []


async def test_nobody_waits_for_a_strangers_hold_that_is_locked(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 40}) as engine:
        locked, *others = await asyncio.gather(*(a_hold(engine, "floor:1") for _ in range(10)))
        async with stores.postgres.acquire() as other:
            locking = other.transaction()
            await locking.start()
            await other.execute("SELECT FROM reservations WHERE reservation_id = $1 FOR UPDATE", locked)
            waiting = asyncio.create_task(confirm(engine, locked, card(), "pay"))
            await asyncio.gather(*(confirm(engine, it, card(), "pay") for it in others))
            assert not waiting.done()
            await locking.rollback()
        assert (await waiting).reservation.status == "confirmed"
        assert await total_charged(stores) == 50_000


async def test_nobody_waits_for_a_connection_that_stands_still(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        async with stores.postgres.acquire() as other:
            locking = other.transaction()
            await locking.start()
            await other.execute("LOCK TABLE payments")
            stuck = asyncio.create_task(confirm(engine, reservation_id, card(), "pay"))
            await wait_until(lambda: stores.postgres.fetchval(WAITING), "the payment waiting for the lock")
            assert (await current_state(engine, reservation_id)).status == "held"
            assert not stuck.done()
            await locking.rollback()
        assert (await stuck).reservation.status == "confirmed"


async def test_a_payment_goes_on_when_its_buyer_closed_the_page(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        for turns in range(8):  # of the event loop, until the requests leave
            leaving = asyncio.create_task(
                confirm(engine, reservation_id, card("tok_declined"), f"left {turns}")
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(PaymentDeclined):  # not "the gateway failed" much later
                await confirm(engine, reservation_id, card("tok_declined"), f"left {turns}")
        leaving = asyncio.create_task(confirm(engine, reservation_id, card(), "pay"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await confirm(engine, reservation_id, card(), "pay")).reservation.status == "confirmed"
        assert await total_charged(stores) == 10_000


async def test_a_key_is_for_one_payment(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await confirm(engine, reservation_id, card(), "pay")
        with pytest.raises(IdempotencyKeyReused):
            await confirm(engine, reservation_id, card("tok_slow"), "pay")


async def test_a_declined_payment_leaves_the_hold_for_another(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        for replayed in (False, True):
            with pytest.raises(PaymentDeclined) as declined:
                await confirm(engine, reservation_id, card("tok_declined"), "first")
            assert declined.value.replayed is replayed
        assert (await current_state(engine, reservation_id)).status == "held"
        assert (await confirm(engine, reservation_id, card(), "second")).reservation.status == "confirmed"


async def test_a_slow_payment_is_202_and_confirmed_by_the_worker(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        began = time.monotonic()
        answer = await confirm(engine, reservation_id, card("tok_slow"), "pay")
        assert answer.reservation.status == "paying"
        assert time.monotonic() - began > 2.5  # and not before it has finished
        with pytest.raises(Conflict):
            await cancel(engine, reservation_id)
        await settle_until(engine, reservation_id, "confirmed")
        assert (await confirm(engine, reservation_id, card("tok_slow"), "pay")).replayed
        assert await total_charged(stores) == 10_000
        assert await check(stores, GALA) == []


async def test_a_gateway_that_failed_leaves_a_hold_and_charges_nothing(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        assert (
            await confirm(engine, reservation_id, card("tok_error"), "pay")
        ).reservation.status == "paying"
        await settle_payments(stores, engine.gateway)
        assert (
            await current_state(engine, reservation_id)
        ).status == "paying"  # the charge may still be in flight
        await stores.postgres.execute("UPDATE payments SET created_at = now() - interval '1 minute'")
        await settle_until(engine, reservation_id, "held")
        with pytest.raises(PaymentDeclined) as failed:
            await confirm(engine, reservation_id, card("tok_error"), "pay")
        assert failed.value.replayed
        assert (await confirm(engine, reservation_id, card(), "again")).reservation.status == "confirmed"


async def test_a_charge_that_reaches_the_gateway_after_it_was_given_up_is_void(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await engine.gateway.refund("lost")
        late = await engine.gateway.charge(Attempt("lost", "r1", "", "card", "tok_ok"), Bill(100, "EUR", 0))
        assert late == Charge("declined")
        assert await total_charged(stores) == 0


async def paid_late(stores: Stores, engine: ReservationEngine, reservation_id: ReservationId) -> None:
    """A payment that was started in time and completed after the hold had ended."""
    paying = asyncio.create_task(confirm(engine, reservation_id, card("tok_late"), "pay"))

    async def done() -> bool:
        return await stores.postgres.execute(PAID_LATE, GALA) == "UPDATE 1"

    await wait_until(done, "the charge")
    with suppress(HoldExpired):
        await paying


async def test_a_payment_after_the_hold_is_taken_while_tickets_are_left(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await paid_late(stores, engine, reservation_id)
        sold = await settle_until(engine, reservation_id, "confirmed")
        assert len(sold.tickets) == 2
        assert sold.confirmed_at_ms > sold.expires_at_ms
        assert await total_charged(stores) == 10_000
        assert await stock(stores.redis, "floor", LIVE) == (8, 0, 2)
        assert await check(stores, GALA) == []


async def test_a_payment_after_the_hold_is_given_back_and_told_when_none_is_left(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 3}) as engine:
        reservation_id = await a_hold(engine)
        await paid_late(stores, engine, reservation_id)
        assert await holds.expire_due(stores) == 0  # a payment in progress is not cut off
        await settle_until(engine, reservation_id, "expired")
        assert await payments(stores) == ["refunded"]
        assert await total_charged(stores) == 0
        with pytest.raises(HoldExpired):
            await confirm(engine, reservation_id, card("tok_late"), "pay")
        assert await stock(stores.redis, "floor", LIVE) == (3, 0, 0)
        assert await check(stores, GALA) == []


async def test_a_hold_that_is_over_cannot_be_paid_swept_or_not(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
        with pytest.raises(HoldExpired):
            await confirm(engine, reservation_id, card(), "pay")
        await holds.expire_due(stores)
        with pytest.raises(HoldExpired):
            await confirm(engine, reservation_id, card(), "pay")
        assert await payments(stores) == []


async def test_a_token_the_gateway_does_not_know_is_named(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        with pytest.raises(ValidationFailed) as wrong:
            await confirm(engine, reservation_id, card("tok_stolen"), "pay")
        assert wrong.value.members["errors"][0]["field"] == "payment.token"
        assert (await current_state(engine, reservation_id)).status == "held"


async def test_a_free_ticket_is_confirmed_too(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await stores.redis.hset(LIVE.stock, "price:floor", "0")
        ann = await a_session(stores)
        reserved = await reserve(engine, ann, GALA, items_of("floor:1"), idempotency_key="1")
        assert reserved.reservation is not None
        assert reserved.reservation.amount == 0
        answer = await confirm(engine, reserved.reservation_id, card(), "pay")
        assert answer.reservation.status == "confirmed"
