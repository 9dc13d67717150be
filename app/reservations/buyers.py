"""Buyers: storing the answers to a sale's form. `catalogue/buyer_form.py` has the form itself."""

from __future__ import annotations

from app.core.errors import Conflict
from app.core.model import Reservation, ReservationId
from app.core.notifications.email import Traces
from app.core.reservations.buyers import Buyer, checked
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.reservations import buyers
from app.store.sql.reservations.buyers import StoredBuyer


async def save(stores: Stores, traces: Traces, reservation: Reservation, answers: Buyer) -> None:
    """Store the buyer's answers, replacing earlier ones.

    Raises ValidationFailed naming the field, and Conflict if the reservation has ended.
    """
    buyer = checked(buyers.read_form(reservation.buyer_form), answers)
    recipient = traces.recipient(buyer.email) if buyer.email else b""
    with stores_answer():
        stored = await buyers.save(stores.postgres, reservation.reservation_id, buyer, recipient)
    if not stored:
        raise Conflict("The reservation has ended.")


async def require(stores: Stores, traces: Traces, reservation: Reservation, buyer: Buyer | None) -> None:
    """Before a payment, store the answers sent with it, or check that they were given earlier.

    Raises ValidationFailed naming what is missing, and Conflict if the reservation has ended.
    """
    if reservation.status not in ("held", "paying"):
        return
    if buyer is not None:
        await save(stores, traces, reservation, buyer)
        return
    form = buyers.read_form(reservation.buyer_form)
    if form.needed and await of_reservation(stores, reservation.reservation_id) is None:
        checked(form, Buyer())


async def of_reservation(stores: Stores, reservation_id: ReservationId) -> StoredBuyer | None:
    """Return the buyer, or None if they have not answered yet. Raises StoreUnavailable."""
    with stores_answer():
        return await buyers.of_reservation(stores.postgres, reservation_id)
