"""Orders, for staff: search, export, cancel and refund."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, EventNotFound, ReservationNotFound
from app.core.model import EventId, Reservation, ReservationId, VisitorId
from app.core.notifications.email import normalised
from app.core.payments.refunds import Refund
from app.core.text import typed
from app.core.tokens.place_tokens import PlaceSigner
from app.reservations import approvals, checkout
from app.reservations.pending import ReservationEngine
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.accounts import accounts
from app.store.sql.assurance import receipts
from app.store.sql.assurance.receipts import Receipt
from app.store.sql.audit import AuditFilter, Entry
from app.store.sql.payments import refunds as refund_rows
from app.store.sql.reservations import balances, exports, hold_endings, reservations
from app.store.sql.reservations import orders as order_rows
from app.store.sql.reservations.exports import Order
from app.store.sql.reservations.hold_endings import EndedReservation
from app.store.sql.reservations.orders import (
    MailLine,
    OrderFilter,
    OrderRow,
    OrderTimes,
    PaymentNote,
    PaymentRow,
)

MATCHES_MAX = 1000  # reservations that one search may find
AUDIT_MAX = 100


class OrderStory(NamedTuple):
    """An order with everything on record about it."""

    reservation: Reservation
    times: OrderTimes
    payments: list[PaymentRow]
    notes: list[PaymentNote]
    mails: list[MailLine]
    changes: list[Entry]  # by staff, newest first
    refunds: list[Refund]  # partial refunds, oldest first
    receipt: Receipt | None


async def orders(stores: Stores, criteria: OrderFilter) -> AsyncIterator[list[Order]]:
    """Return the orders in chunks, oldest first, all from one snapshot.

    Raises EventNotFound and StoreUnavailable before the first chunk.
    """
    await _check_exists(stores, criteria.event_id)
    return exports.orders(stores.postgres, criteria)


async def page(
    stores: Stores, criteria: OrderFilter, *, limit: int, offset: int
) -> tuple[list[OrderRow], int]:
    """Return one page of the orders, newest first, and how many match. Raises EventNotFound,
    StoreUnavailable."""
    await _check_exists(stores, criteria.event_id)
    with stores_answer():
        return await order_rows.select_page(stores.postgres, criteria, limit=limit, offset=offset)


async def find(stores: Stores, places: PlaceSigner, word: str) -> list[str]:
    """Return the ids of the reservations that a search text names: a reservation, a ticket code, a payment, a
    visitor, or the e-mail address of an account or of a visitor who left one."""
    word = typed.words(word)
    email, code = normalised(word), typed.ticket_code(word)
    with stores_answer():
        visitors = await _visitors(stores, places, email) if "@" in word else {}
        return await order_rows.find(stores.postgres, word, code, email, visitors, MATCHES_MAX)


async def story(stores: Stores, reservation_id: ReservationId) -> OrderStory:
    """Return one order with its history. Raises ReservationNotFound, StoreUnavailable."""
    postgres = stores.postgres
    with stores_answer():
        reservation, times = await asyncio.gather(
            reservations.fetch_one(postgres, reservation_id), order_rows.times(postgres, reservation_id)
        )
        if reservation is None or times is None:
            raise ReservationNotFound("There is no such reservation.")
        payments = await order_rows.payments(postgres, reservation_id)
        notes = await order_rows.payment_notes(postgres, reservation_id)
        mails = await order_rows.mails(postgres, reservation_id)
        refunds = await refund_rows.of_order(postgres, reservation_id)
        receipt = await receipts.of_order(postgres, reservation_id)
    about = AuditFilter(kind="reservation", id=reservation_id)
    changes, _ = await audit.entries(stores, about, limit=AUDIT_MAX, offset=0)
    return OrderStory(reservation, times, payments, notes, mails, changes, refunds, receipt)


async def refunds_of(stores: Stores, reservation_id: ReservationId) -> list[Refund]:
    """Return the partial refunds of an order, oldest first. Raises ReservationNotFound, StoreUnavailable."""
    with stores_answer():
        if await reservations.event_of(stores.postgres, reservation_id) is None:
            raise ReservationNotFound("There is no such reservation.")
        return await refund_rows.of_order(stores.postgres, reservation_id)


async def receipt_of(stores: Stores, reservation: Reservation) -> Receipt | None:
    """Return the receipt of a paid order, or None until it has a number. Raises ReservationNotFound."""
    if not reservation.confirmed_at_ms or not reservation.amount:
        raise ReservationNotFound
    with stores_answer():
        return await receipts.of_order(stores.postgres, reservation.reservation_id)


async def cancel(engine: ReservationEngine, reservation_id: ReservationId, *, by: Author) -> Reservation:
    """Cancel an order as its owner could: release its tickets and refund what was paid.

    A second call changes nothing. Raises ReservationNotFound, Conflict while a payment is under way or if the
    hold has expired, and ApprovalNeeded if a second person has to do the same.
    """
    async with approvals.requesting_approval(engine.stores, reservation_id, by=by):
        with stores_answer():
            before, ended = await _cancel(engine.stores, reservation_id, by)
            if before is None:
                raise ReservationNotFound("There is no such reservation.")
            reservation = await checkout.finish_cancel(engine, reservation_id, ended)
    if reservation.status == "expired":
        raise Conflict("The hold has expired; there is nothing to cancel.")
    return reservation


async def _cancel(
    stores: Stores, reservation_id: str, by: Author
) -> tuple[str | None, list[EndedReservation]]:
    """End the order in Postgres; return its earlier state (None if there is no such order) and what has
    ended."""
    async with stores.postgres.acquire() as connection, connection.transaction():
        before = await order_rows.lock_status(connection, reservation_id)
        if before == "confirmed":
            await approvals.needs_approval(connection, reservation_id, None, by=by)
        ended = await hold_endings.cancel(connection, reservation_id)
        if ended:
            entity, after = Entity("reservation", reservation_id), {"status": "cancelled"}
            await audit.record(connection, by, "cancel", entity, before={"status": before}, after=after)
    return before, ended


async def _visitors(stores: Stores, places: PlaceSigner, email: str) -> dict[EventId, VisitorId]:
    """Return the visitor id that the account with this e-mail has in each event; empty if there is no
    account."""
    account = await accounts.select_by_email(stores.postgres, email)
    if account is None:
        return {}
    events = await balances.events_on_sale(stores.postgres)
    return {event_id: places.account_visitor(room_id, account.account_id) for room_id, event_id in events}


async def _check_exists(stores: Stores, event_id: EventId | None) -> None:
    with stores_answer():
        if event_id is not None and await reservations.room_of(stores.postgres, event_id) is None:
            raise EventNotFound
