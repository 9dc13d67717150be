"""Confirming holds without a gateway: free ones, those of guests, and those that staff say were paid
elsewhere."""

from __future__ import annotations

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.clock import now_ms
from app.core.errors import Conflict, HoldExpired, ReservationNotFound
from app.core.model import Reservation, ReservationId
from app.reservations import holds
from app.reservations.checkout import SALE_CANCELLED
from app.reservations.pending import ReservationEngine
from app.store.away import stores_answer
from app.store.sql.catalogue import cancel_or_move
from app.store.sql.payments import payments
from app.store.sql.payments.payments import Attempt, ConfirmedReservation
from app.store.sql.reservations import orders


async def confirm_paid(
    engine: ReservationEngine, reservation_id: ReservationId, reference: str, *, by: Author
) -> Reservation:
    """Confirm a hold that was paid elsewhere, with its reference there; a second call changes nothing.

    Raises ReservationNotFound, HoldExpired, and Conflict if it was cancelled or a payment is under way.
    """
    return await _confirm(engine, reservation_id, "elsewhere", reference, by)


async def confirm_free(engine: ReservationEngine, reservation_id: ReservationId) -> Reservation:
    """Confirm a hold that costs nothing. The caller has checked whose it is.

    Raises the same as `confirm_paid`, and Conflict if there is something to pay.
    """
    return await _confirm(engine, reservation_id, "free", "", None)


async def confirm_guest(
    engine: ReservationEngine, reservation_id: ReservationId, *, by: Author
) -> Reservation:
    """Confirm a guest's hold, which costs nothing, in the name of the inviting staff; otherwise like
    `confirm_free`."""
    return await _confirm(engine, reservation_id, "free", "", by)


async def _confirm(
    engine: ReservationEngine, reservation_id: ReservationId, method: str, reference: str, by: Author | None
) -> Reservation:
    attempt = Attempt(engine.signed(f"{method}|{reservation_id}"), reservation_id, "", method, reference)
    with stores_answer():
        await engine.see_through(_sell(engine, attempt, by))
        reservation = await engine.read.submit("", reservation_id)
    if reservation is None:
        raise ReservationNotFound("There is no such reservation.")
    if reservation.status == "paying":
        raise Conflict("A payment is in progress; wait for its outcome.")
    if reservation.status == "cancelled":
        raise Conflict("This reservation was cancelled.")
    if reservation.status == "expired" or (
        reservation.status == "held" and reservation.expires_at_ms <= now_ms()
    ):
        raise HoldExpired
    with stores_answer():
        if reservation.status == "held" and await cancel_or_move.is_cancelled(
            engine.stores.postgres, reservation_id
        ):
            raise Conflict(SALE_CANCELLED)
    if reservation.status == "held" and method == "free":
        raise Conflict("These tickets are not free.")
    return reservation


async def _sell(engine: ReservationEngine, attempt: Attempt, by: Author | None) -> None:
    """Sell in one transaction, so that no attempt ever becomes visible that could be looked up at a
    gateway."""
    async with engine.stores.postgres.acquire() as connection, connection.transaction():
        before = await orders.lock_status(connection, attempt.reservation_id)
        if not await payments.begin_without_gateway(connection, attempt):
            return
        sold: list[ConfirmedReservation] = await payments.confirm(connection, [attempt.payment_id])
        if by is not None:
            free, entity = attempt.method == "free", Entity("reservation", attempt.reservation_id)
            after = {"status": "confirmed"} | ({} if free else {"paid_elsewhere": attempt.token})
            action, was = "add guest" if free else "confirm_paid", {"status": before}
            await audit.record(connection, by, action, entity, before=was, after=after)
    await holds.publish_sold(engine.stores, sold)
    await holds.announce(engine.stores, [attempt.reservation_id])
