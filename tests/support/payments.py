"""Payments in tests of operations: how to pay, and what the gateway has on its books."""

from __future__ import annotations

from app.core.model import Reservation, ReservationId
from app.reservations.checkout import Payment
from app.reservations.operations import get
from app.reservations.pending import ReservationEngine
from app.reservations.settlement import settle_payments
from app.store.connections import Stores
from tests.support.sales import a_session, reserve_tickets
from tests.support.waiting import wait_until


def card(token: str = "tok_ok") -> Payment:
    return Payment("card", token)


async def a_hold(engine: ReservationEngine, items: str = "floor:2") -> ReservationId:
    return (await reserve_tickets(engine, await a_session(engine.stores), items)).reservation_id


async def current_state(engine: ReservationEngine, reservation_id: ReservationId) -> Reservation:
    found = await get(engine, reservation_id)
    assert found is not None
    return found


async def payments(stores: Stores) -> list[str]:
    return [row["status"] for row in await stores.postgres.fetch("SELECT status FROM payments")]


async def total_charged(stores: Stores) -> int:
    """The total that the gateway has charged and not refunded."""
    taken: int = await stores.postgres.fetchval(
        "SELECT coalesce(sum(amount), 0)::bigint FROM simulated_charges "
        "WHERE approved AND refunded_at IS NULL AND settles_at <= now()"
    )
    return taken


async def settle_until(engine: ReservationEngine, reservation_id: ReservationId, status: str) -> Reservation:
    """Do the worker's job until the reservation has this status."""

    async def settled() -> Reservation | None:
        await settle_payments(engine.stores, engine.gateway)
        found = await current_state(engine, reservation_id)
        return found if found.status == status else None

    return await wait_until(settled, f"status {status}")
