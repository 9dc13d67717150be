"""The receipt of an order, for its buyer to read and print."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from quart import Response

from app.catalogue import events
from app.core.clock import to_ms
from app.core.errors import ReservationNotFound
from app.core.model import Event, Reservation
from app.notifications.printed_receipt import receipt_file
from app.reservations import orders
from app.store.sql.assurance.receipts import Receipt
from app.web.http.routes import Request
from app.web.pages.documents import EventHead, event_head
from app.web.pages.render import requested_language, respond
from app.web.pages.sale.booking import find_owned
from app.web.pages.theme import look_for

LOOK_AGAIN_S = 2


@dataclass(frozen=True)
class ReceiptPage:
    """The receipt; None while it has no number. `refunded`: what was refunded since, in minor units."""

    event: EventHead
    reservation_id: str
    receipt: Receipt | None
    seller: str
    sold_at_ms: int
    refunded: int
    refresh_s: int


async def receipt(request: Request) -> Response:
    """Show the receipt. Raises ReservationNotFound, also for unpaid orders."""
    reservation = await find_owned(request)
    stored = await orders.receipt_of(request.app.stores, reservation)
    event, _ = await events.event(request.app.stores, reservation.event_id)
    document = ReceiptPage(
        event=event_head(event),
        reservation_id=reservation.reservation_id,
        receipt=stored,
        seller=_seller(stored, event),
        sold_at_ms=to_ms(stored.sold_at) if stored else 0,
        refunded=_refunded(reservation),
        refresh_s=0 if stored else LOOK_AGAIN_S,
    )
    return respond("receipt.html", document, look=await look_for(request, reservation.room_id))


async def receipt_pdf(request: Request) -> Response:
    """Download the receipt. Raises ReservationNotFound, also while it has no number."""
    reservation = await find_owned(request)
    stored = await orders.receipt_of(request.app.stores, reservation)
    if stored is None:
        raise ReservationNotFound
    event, _ = await events.event(request.app.stores, reservation.event_id)
    language = requested_language((await look_for(request, reservation.room_id)).locale)
    about = _seller(stored, event), event.timezone, _refunded(reservation)
    async with request.app.exporting:  # uses much CPU, so concurrency is limited
        pdf = await asyncio.to_thread(receipt_file, language, stored, *about)
    response = Response(pdf, content_type="application/pdf")
    name = f"{reservation.event_id}-receipt-{stored.receipt_no}.pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _seller(receipt: Receipt | None, event: Event) -> str:
    """The seller at the time of the order; if none was set then, the current one."""
    return (receipt.seller if receipt else "") or event.seller


def _refunded(reservation: Reservation) -> int:
    return reservation.amount if reservation.status == "cancelled" else reservation.refunded
