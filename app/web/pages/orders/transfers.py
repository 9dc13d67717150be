"""Giving a ticket away: the buyer's forms, and the pages of the new holder."""

from __future__ import annotations

import asyncio
import time

import msgspec
from quart import Response

from app.core.catalogue.seating import seat_name
from app.core.clock import to_ms
from app.core.errors import Conflict, CredentialInvalid, ReservationNotFound, ValidationFailed
from app.core.model import RoomId
from app.core.tokens.order_rights import RIGHTS_S
from app.notifications.printed_tickets import Show, SoldTicket, tickets_file
from app.reservations import transfers
from app.store.sql.reservations.transfers import HeldTicket
from app.web.api.mailbox import browser_locale, mail_locale
from app.web.http.bodies import read_query
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.orders.ticket_files import file_response, wallet_response
from app.web.pages.orders.ticket_links import KeyQuery, TokenQuery
from app.web.pages.render import requested_language, respond
from app.web.pages.sale.booking import reservation_page
from app.web.pages.sale.reservation_forms import find_and_count
from app.web.pages.sale.ticket_views import TicketView, qr_picture
from app.web.pages.theme import look_for


class HolderPage(msgspec.Struct, frozen=True):
    """A ticket that is offered (with `token`) or held (with `key`); with neither, the link is invalid."""

    name: str = ""
    venue: str = ""
    starts_at_ms: int = 0
    zone: str = ""
    ticket: TicketView | None = None
    token: str = ""
    key: str = ""
    wallet: bool = False  # whether it can be added to a wallet app


async def transfer(request: Request) -> Response:
    """Offer a ticket to an address."""
    reservation, form = await find_and_count(request, bought=True), await read_form()
    app, locale = request.app, await mail_locale(request, reservation.room_id)
    try:
        ticket_id, email = form.get("ticket_id", "")[:64], form.get("email", "").strip()[:254]
        await transfers.offer(app.stores, app.orders, app.traces, reservation, ticket_id, email, locale)
    except (ValidationFailed, Conflict) as refusal:
        return await reservation_page(request, reservation, "refused", status=refusal.status)
    return redirect_to(f"/reservations/{reservation.reservation_id}")


async def withdraw(request: Request) -> Response:
    """Withdraw an offer."""
    reservation, form = await find_and_count(request, bought=True), await read_form()
    await transfers.withdraw(request.app.stores, reservation, form.get("ticket_id", "")[:64])
    return redirect_to(f"/reservations/{reservation.reservation_id}")


async def accept_page(request: Request) -> Response:
    """Show the button that accepts a ticket. A GET must not accept, because mail scanners follow links."""
    token = read_query(request, TokenQuery).token
    offer = await transfers.find_offer(request.app.stores, token)
    if offer is None:
        return respond("holder.html", HolderPage(), CredentialInvalid.status)
    look = await look_for(request, RoomId(offer.room_id))
    return respond("holder.html", _page(offer, token=token), look=look, secret=True)


async def accept(request: Request) -> Response:
    """Accept a ticket. It gets a new code, which is shown and e-mailed."""
    token = (await read_form()).get("token", "")
    await request.app.throttles.reset(request.client)
    try:
        transfer_id = await transfers.accept(request.app.stores, token, browser_locale(request))
    except CredentialInvalid as refusal:
        return respond("holder.html", HolderPage(), refusal.status)
    key = request.app.orders.ticket_link(transfer_id, int(time.time()) + RIGHTS_S)
    return redirect_to(f"/tickets/mine?key={key}")


async def my_ticket(request: Request) -> Response:
    """Show the ticket to its new holder, by the link e-mailed to them."""
    key = read_query(request, KeyQuery).key
    held = await _held(request, key)
    if held is None:
        return respond("holder.html", HolderPage(), CredentialInvalid.status)
    look = await look_for(request, RoomId(held.room_id))
    page = msgspec.structs.replace(_page(held, key=key), wallet=bool(request.app.settings.wallet_certificate))
    return respond("holder.html", page, look=look, secret=True)


async def my_ticket_pdf(request: Request) -> Response:
    """Download it as a PDF."""
    held = await _held(request, read_query(request, KeyQuery).key)
    if held is None:
        raise ReservationNotFound
    language = requested_language((await look_for(request, RoomId(held.room_id))).locale)
    show, tickets = _printed(held)
    holder = held.name or ""
    async with request.app.exporting:
        pdf = await asyncio.to_thread(tickets_file, language, show, tickets, held.reservation_id, holder)
    return file_response(pdf, "application/pdf", f"{held.event_id}-ticket.pdf")


async def my_ticket_wallet(request: Request) -> Response:
    """Download it as a pass for a wallet app."""
    held = await _held(request, read_query(request, KeyQuery).key)
    if held is None:
        raise ReservationNotFound
    language = requested_language((await look_for(request, RoomId(held.room_id))).locale)
    return await wallet_response(request, language, *_printed(held), held.reservation_id)


def _printed(held: HeldTicket) -> tuple[Show, list[SoldTicket]]:
    show = Show(held.event_name, held.venue, to_ms(held.starts_at), held.timezone)
    seat = seat_name(held.seat_id) if held.seat_id else None
    return show, [SoldTicket(held.ticket_type, seat, held.code)]


async def _held(request: Request, key: str) -> HeldTicket | None:
    try:
        transfer_id = request.app.orders.read_ticket_link(key, int(time.time()))
    except CredentialInvalid:
        return None
    return await transfers.find_held(request.app.stores, transfer_id)


def _page(held: HeldTicket, token: str = "", key: str = "") -> HolderPage:
    seat = seat_name(held.seat_id) if held.seat_id else None
    code = held.code if key else ""
    ticket = TicketView("", held.ticket_type, seat, code, qr_picture(code))
    return HolderPage(held.event_name, held.venue, to_ms(held.starts_at), held.timezone, ticket, token, key)
