"""Payments that the buyer continues elsewhere: on the gateway's page, or at the bank."""

from __future__ import annotations

from contextlib import suppress

from app.core.model import ReservationId
from app.payments.gateway import GatewayFailed
from app.reservations.pending import ReservationEngine
from app.reservations.settlement import check_payment
from app.store.away import stores_answer
from app.store.sql.payments import payment_steps
from app.store.sql.payments.payment_steps import NOTHING_TO_DO, NextStep

__all__ = ["NOTHING_TO_DO", "NextStep", "next_step", "stop_payment"]


async def next_step(engine: ReservationEngine, reservation_id: ReservationId) -> NextStep:
    """Return where the buyer continues the payment under way; NOTHING_TO_DO if nowhere."""
    with stores_answer():
        under_way = await payment_steps.under_way(engine.stores.postgres, reservation_id)
    return under_way[1] if under_way is not None else NOTHING_TO_DO


async def stop_payment(engine: ReservationEngine, reservation_id: ReservationId) -> None:
    """End the payment under way because the buyer wants to pay another way, unless it has already charged.

    The reservation becomes a hold again as soon as the gateway says so, or confirmed if it has charged.
    """
    with stores_answer():
        under_way = await payment_steps.under_way(engine.stores.postgres, reservation_id)
        if under_way is None or under_way[1] == NOTHING_TO_DO:
            return
        with suppress(GatewayFailed):
            await engine.gateway.stop(under_way[0])
        await check_payment(engine.stores, engine.gateway, under_way[0])
