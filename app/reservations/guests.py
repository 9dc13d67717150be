"""Guests: free tickets from staff. They take stock like all others, through `submit.lua` and a worker.

A guest is a visitor who was never in the queue: no session, no limit, nothing to pay. Everything else about
the order, from the e-mail to the door, is the same as for others.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.account import Author
from app.core.errors import Conflict, ReservationNotFound
from app.core.model import Event, EventId, Item, Reservation, ReservationId, TicketType
from app.core.notifications.email import Traces
from app.core.reservations.buyers import Buyer
from app.core.reservations.guests import Guest, GuestCounts, NewGuest, guest_visitor, is_guest
from app.core.reservations.requested_tickets import BestAvailable, RequestedTickets
from app.core.tokens.claims import BookingClaims
from app.reservations import operations, paid_elsewhere, refunds
from app.reservations.checkout import SALE_CANCELLED
from app.reservations.pending import ReservationEngine
from app.reservations.refunds import NewRefund
from app.reservations.request import GUEST
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.payments import refunds as refund_rows
from app.store.sql.reservations import buyers, guests, reservations

NO_SESSION = 0  # tells `submit.lua` that it is a guest: no booking token ends so early


async def add(
    engine: ReservationEngine,
    traces: Traces,
    event: Event,
    types: Sequence[TicketType],
    guest: NewGuest,
    key: str,
    *,
    by: Author,
) -> Reservation:
    """Give a guest their tickets, once for each `key`; seats are the best free ones.

    Raises SoldOut, Conflict, IdempotencyKeyReused if the key was used for another guest, HoldExpired if an
    earlier attempt with it was interrupted long ago, BacklogFull, Restoring, StoreUnavailable.
    """
    if event.cancelled_at is not None:
        raise Conflict(SALE_CANCELLED)
    seated = any(it.seated for it in types if it.ticket_type_id == guest.ticket_type_id)
    of = guest.ticket_type_id, guest.quantity
    tickets: RequestedTickets = BestAvailable(*of) if seated else [Item(*of)]
    visitor_id = guest_visitor(engine.signed(f"guest|{event.event_id}|{key}"))
    claims = BookingClaims(event.room_id, visitor_id, jti="", iat=0, exp=NO_SESSION)
    reserved = await operations.reserve(
        engine, claims, event.event_id, tickets, idempotency_key=key, code=GUEST
    )
    recipient = traces.recipient(guest.email) if guest.email else b""
    buyer = Buyer(email=guest.email, name=guest.name)
    with stores_answer():
        await buyers.save(engine.stores.postgres, reserved.reservation_id, buyer, recipient)
    return await paid_elsewhere.confirm_guest(engine, reserved.reservation_id, by=by)


async def withdraw(
    engine: ReservationEngine,
    event_id: EventId,
    reservation_id: ReservationId,
    to_stock: bool,
    *,
    by: Author,
) -> None:
    """Void a guest's tickets; a second call changes nothing. `to_stock`: they go back on sale.

    Raises StoreUnavailable, and ReservationNotFound if this is not a guest of the event.
    """
    with stores_answer():
        reservation = await reservations.fetch_one(engine.stores.postgres, reservation_id)
        if reservation is None or reservation.event_id != event_id or not is_guest(reservation.visitor_id):
            raise ReservationNotFound("There is no such guest.")
        valid = await refund_rows.valid_tickets(engine.stores.postgres, reservation_id)
    if valid:
        ids = [it.ticket_id for it in valid]
        new = NewRefund(0, ids, to_stock, "Taken off the guest list")
        await refunds.refund(engine, reservation_id, new, f"guest {ids[0]} {len(ids)} {to_stock}", by=by)


async def list_guests(
    stores: Stores, event_id: EventId, text: str, limit: int, offset: int
) -> tuple[list[Guest], int, GuestCounts]:
    """Return a page of the matching guests, newest first, how many match, and the counts over all guests."""
    with stores_answer():
        some = await guests.select_page(stores.postgres, event_id, text, limit, offset)
        total = await guests.count_matching(stores.postgres, event_id, text)
        return some, total, await guests.counts(stores.postgres, event_id)
