"""Cancelling releases the tickets and refunds the money, exactly once."""

from __future__ import annotations

import pytest

from app.core.errors import (
    Conflict,
    ReservationNotFound,
)
from app.core.model import ReservationId
from app.payments.gateway import GatewayFailed
from app.payments.gateways.simulated import SimulatedGateway
from app.reservations import holds
from app.reservations.checkout import cancel, confirm
from app.reservations.operations import check
from app.reservations.settlement import settle_payments
from app.store.connections import Stores
from tests.support.payments import a_hold, card, payments, total_charged
from tests.support.sales import GALA, LIVE, a_session, a_shop, counters, reserve_tickets, stock


async def test_cancelling_gives_back_once(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        for _ in range(2):
            assert (await cancel(engine, reservation_id)).status == "cancelled"
            assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)
            assert await counters(stores) == (0, 0)
        with pytest.raises(Conflict):
            await confirm(engine, reservation_id, card(), "pay")
        assert await check(stores, GALA) == []


async def test_cancelling_a_purchase_pays_it_back_and_voids_the_tickets(stores: Stores) -> None:
    async with a_shop(stores, ends_on_confirm=0) as engine:
        ann = await a_session(stores)
        reservation_id = (await reserve_tickets(engine, ann)).reservation_id
        await confirm(engine, reservation_id, card(), "pay")
        ended = await cancel(engine, reservation_id)
        assert (ended.status, ended.tickets) == ("cancelled", [])
        assert await stores.postgres.fetchval("SELECT count(*) FROM tickets") == 0
        assert await payments(stores) == ["refunded"]
        assert await total_charged(stores) == 0
        assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)
        assert not await stores.redis.exists(LIVE.allowance)
        with pytest.raises(Conflict):
            await confirm(engine, reservation_id, card(), "pay")
        assert await check(stores, GALA) == []
        await reserve_tickets(engine, ann, "floor:10")


async def test_what_expired_stays_expired_when_cancelled(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
        await holds.expire_due(stores)
        assert (await cancel(engine, reservation_id)).status == "expired"


async def test_nothing_can_be_done_with_what_does_not_exist(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        with pytest.raises(ReservationNotFound):
            await confirm(engine, ReservationId("nothing"), card(), "pay")
        with pytest.raises(ReservationNotFound):
            await cancel(engine, ReservationId("nothing"))


class _FailsToRefund(SimulatedGateway):
    """A gateway that charges, but fails when a refund is due."""

    async def refund(self, payment_id: str) -> None:
        raise GatewayFailed


async def test_money_that_is_owed_is_paid_back_when_the_gateway_is_there_again(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        await confirm(engine, reservation_id, card(), "pay")
        real_gateway, engine.gateway = engine.gateway, _FailsToRefund(stores.postgres)
        assert (await cancel(engine, reservation_id)).status == "cancelled"
        assert await payments(stores) == ["refunding"]
        await stores.postgres.execute(
            "UPDATE payments SET created_at = now() - interval '1 minute', refund_due_at = now()"
        )
        await settle_payments(stores, real_gateway)
        assert await payments(stores) == ["refunded"]
        assert await total_charged(stores) == 0
