"""Buyers: storing the answers to a sale's form. `catalogue/buyer_form.py` has the form itself."""

from __future__ import annotations

from app.core.buyers import Buyer, checked
from app.core.email import Traces
from app.core.errors import Conflict
from app.core.model import Reservation, ReservationId
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql import buyers
from app.store.sql.buyers import StoredBuyer


async def keep(stores: Stores, traces: Traces, reservation: Reservation, said: Buyer) -> None:
    """Store the buyer's answers, replacing earlier ones.

    Raises ValidationFailed naming the field, and Conflict if the reservation has ended.
    """
    it = checked(buyers.read_form(reservation.buyer_form), said)
    recipient = traces.recipient(it.email) if it.email else b""
    with stores_answer():
        kept = await buyers.keep(stores.postgres, reservation.reservation_id, it, recipient)
    if not kept:
        raise Conflict("The reservation has ended.")


async def require(stores: Stores, traces: Traces, reservation: Reservation, said: Buyer | None) -> None:
    """Before a payment, store the answers sent with it, or check that they were given earlier.

    Raises ValidationFailed naming what is missing, and Conflict if the reservation has ended.
    """
    if reservation.status not in ("held", "paying"):
        return
    if said is not None:
        await keep(stores, traces, reservation, said)
        return
    form = buyers.read_form(reservation.buyer_form)
    if form.needed and await of_reservation(stores, reservation.reservation_id) is None:
        checked(form, Buyer())


async def of_reservation(stores: Stores, reservation_id: ReservationId) -> StoredBuyer | None:
    """Return the buyer, or None if they have not answered yet. Raises StoreUnavailable."""
    with stores_answer():
        return await buyers.of_reservation(stores.postgres, reservation_id)
