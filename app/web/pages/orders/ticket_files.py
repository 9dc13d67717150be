"""The tickets of a reservation as files, for browsers that may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from quart import Response

from app.catalogue import events
from app.core.catalogue.seating import seat_name
from app.core.clock import to_ms
from app.core.errors import ReservationNotFound
from app.core.model import Reservation
from app.notifications.printed_tickets import Show, SoldTicket, tickets_file
from app.notifications.wallet_passes import passes_file
from app.reservations import buyers
from app.web.http.routes import Request
from app.web.pages.render import requested_language
from app.web.pages.sale.booking import find_owned, in_order
from app.web.pages.theme import look_for


class SoldTickets(NamedTuple):
    """The tickets of a reservation that its owner still has."""

    order: Reservation
    language: str
    show: Show
    tickets: list[SoldTicket]


async def tickets_pdf(request: Request) -> Response:
    """Download the tickets as a PDF, one per page, without those given away."""
    sold = await _sold(request)
    buyer = await buyers.of_reservation(request.app.stores, sold.order.reservation_id)
    holder = buyer.name if buyer else ""
    order = sold.order.reservation_id
    async with request.app.exporting:  # uses much CPU, so concurrency is limited
        pdf = await asyncio.to_thread(tickets_file, sold.language, sold.show, sold.tickets, order, holder)
    return file_response(pdf, "application/pdf", f"{sold.order.event_id}-tickets.pdf")


async def tickets_wallet(request: Request) -> Response:
    """Download the tickets as passes for a wallet app, if the installation has a certificate."""
    sold = await _sold(request)
    return await wallet_response(request, sold.language, sold.show, sold.tickets, sold.order.reservation_id)


async def wallet_response(
    request: Request, language: str, show: Show, tickets: Sequence[SoldTicket], order: str
) -> Response:
    """Return the passes of these tickets. Raises ReservationNotFound if none can be created."""
    signer = request.app.settings.pass_signer()
    if signer is None:
        raise ReservationNotFound
    async with request.app.exporting:
        file = await asyncio.to_thread(passes_file, signer, language, show, tickets, order)
    return file_response(file.content, file.media_type, file.name)


def file_response(content: bytes, media_type: str, name: str) -> Response:
    """A private file, not to be cached by others."""
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


async def _sold(request: Request) -> SoldTickets:
    """Find the tickets in the address, if this browser may see them. Raises ReservationNotFound."""
    reservation = await find_owned(request)
    own = [ticket for ticket in sorted(reservation.tickets, key=in_order) if ticket["code"]]
    if not own:
        raise ReservationNotFound
    event, types = await events.event(request.app.stores, reservation.event_id)
    names: dict[str, str] = {each.ticket_type_id: each.name for each in types}
    language = requested_language((await look_for(request, reservation.room_id)).locale)
    show = Show(event.name, event.venue, to_ms(event.starts_at), event.timezone)
    tickets = [
        SoldTicket(
            names.get(each["ticket_type_id"], each["ticket_type_id"]),
            seat_name(each["seat_id"]) if each["seat_id"] else None,
            each["code"],
        )
        for each in own
    ]
    return SoldTickets(reservation, language, show, tickets)
