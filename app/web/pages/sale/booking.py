"""The booking page and the page of a reservation, on GET or after a refused form."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from quart import Response

from app.catalogue import events
from app.core.catalogue.codes import visible_types
from app.core.catalogue.seating import natural_order, seat_name
from app.core.clock import now_ms
from app.core.errors import RateLimited, ReservationNotFound
from app.core.model import Event, EventId, Reservation, ReservationId
from app.core.reservations.buyers import Buyer
from app.payments.gateways import offered, ways_to_pay
from app.reservations import operations, payment_steps, transfers
from app.reservations.payment_steps import NOTHING_TO_DO, NextStep
from app.web.http.credentials import requester
from app.web.http.routes import Request
from app.web.pages.documents import event_head
from app.web.pages.render import respond
from app.web.pages.sale.booking_documents import EventPage, ReservationPage, reservation_view, type_view
from app.web.pages.sale.buyer_form import buyer_part
from app.web.pages.sale.event_codes import codes_of
from app.web.pages.sale.seats import bands_of, seats_part
from app.web.pages.sale.ticket_views import ticket_view
from app.web.pages.theme import look_for
from app.web.pages.visitors import NOT_A_CREDENTIAL, place_of, session_of, visitor_of

PAYING_REFRESH_S = 2
BUYER_REFRESH_S = 15  # the buyer may be reading the instructions
HELD_REFRESH_MIN_S = 2
PAYMENT_ASKED = b"asked=1"  # back from a payment: a reservation that is still held means it failed


async def event(request: Request) -> Response:
    """Show the booking page."""
    return await event_page(request)


@dataclass(frozen=True)
class Choice:
    """The tickets chosen on the booking page: quantities per type, or seats."""

    counts: Mapping[str, int]
    seat_ids: Sequence[str]
    code: str = ""


async def event_page(
    request: Request,
    problem: str = "",
    chosen: Choice | None = None,
    status: int = 200,
    seats_taken: Sequence[str] = (),
) -> Response:
    """Render the booking page, with the problem and the choice, if there was one."""
    event, ticket_types = await events.event(request.app.stores, EventId(request.params["event_id"]))
    visitor = visitor_of(request, event.room_id)
    own = []
    if visitor is not None:
        own = await operations.of_visitor(request.app.engine, event.event_id, visitor.visitor_id)
    names: dict[str, str] = {it.ticket_type_id: it.name for it in ticket_types}
    codes = await codes_of(request, event.event_id, chosen.code if chosen else "")
    ticket_types = visible_types(ticket_types, codes.good)
    now, bands, most = now_ms(), bands_of(ticket_types), event.max_tickets_per_visitor
    opened, accessible = _opened(request, chosen), b"accessible=" in request.query
    seats = await seats_part(
        request, event.event_id, ticket_types, own, most, opened, accessible, seats_taken
    )
    document = EventPage(
        event=event_head(event, ticket_types),
        now_ms=now,
        session_expires_at_ms=await _session_expires_at_ms(request, event),
        ticket_types=[
            type_view(event, it, now, bands.get(it.ticket_type_id, 0), codes.good) for it in ticket_types
        ],
        seats=seats,
        reservations=[reservation_view(it, names) for it in own],
        idempotency_key=secrets.token_urlsafe(16),
        problem=problem,
        seats_taken=[seat_name(it) for it in seats_taken],
        chosen=chosen.counts if chosen else {},
        chosen_seats=chosen.seat_ids if chosen else (),
        takes_codes=codes.any,
        code=codes.view,
    )
    return respond("event.html", document, status, look=await look_for(request, event.room_id))


def _opened(request: Request, chosen: Choice | None) -> tuple[str, str]:
    """The section and row to list: from the address, or those of the chosen seats."""
    if chosen is not None and chosen.seat_ids:
        section, row, _ = chosen.seat_ids[0].rsplit("-", 2)
        return section, row
    params = dict(parse_qsl(request.query.decode("latin-1")))
    return params.get("section", ""), params.get("row", "")


async def _session_expires_at_ms(request: Request, event: Event) -> int:
    """When this visitor's session ends; 0 outside a session. The room is asked, as sessions can end early."""
    claims = await session_of(request, event.room_id)
    if claims is None:
        return 0
    try:
        answer = await place_of(request, event.room_id)
    except RateLimited:
        answer = None  # the token is valid; whether the session is too will show on reserving
    ended = answer is not None and answer[0].state != "active"
    return 0 if ended else claims.exp * 1000


async def reservation(request: Request) -> Response:
    """Show the page of a reservation."""
    own = await find_owned(request)
    failed = own.status == "held" and request.query == PAYMENT_ASKED
    return await reservation_page(request, own, "payment_failed" if failed else "")


async def find_owned(request: Request, *, bought: bool = False) -> Reservation:
    """Find the reservation in the address, if this browser may see it. Raises ReservationNotFound.

    With `bought`, it must be the buyer's: able to cancel it and give its tickets away.
    """
    reservation = await operations.get(request.app.engine, ReservationId(request.params["reservation_id"]))
    try:
        buyer = await requester(request)
    except NOT_A_CREDENTIAL:
        raise ReservationNotFound from None
    if reservation is None or not (buyer.bought if bought else buyer.owns)(request, reservation):
        raise ReservationNotFound
    return reservation


async def _has_bought(request: Request, reservation: Reservation) -> bool:
    """Check that this browser may do what cannot be undone."""
    try:
        return (await requester(request)).bought(request, reservation)
    except NOT_A_CREDENTIAL:
        return False


async def reservation_page(
    request: Request,
    reservation: Reservation,
    problem: str = "",
    chosen: str = "tok_ok",
    status: int = 200,
    buyer: Buyer | None = None,
) -> Response:
    """Render the page of a reservation, with the problem and the choice, if there was one."""
    event, ticket_types = await events.event(request.app.stores, reservation.event_id)
    names: dict[str, str] = {each.ticket_type_id: each.name for each in ticket_types}
    look = await look_for(request, reservation.room_id)
    test = look.test or request.app.settings.simulates_payments
    ways = ways_to_pay(offered(request.app.settings.gateways, event.payments))
    method, token = ways[0] if ways else ("", "")
    way = "choice" if len(ways) > 1 else method
    step = NOTHING_TO_DO
    if reservation.status == "paying" and request.query != PAYMENT_ASKED:  # whoever has just paid waits here
        step = await payment_steps.next_step(request.app.engine, reservation.reservation_id)
    offers = await transfers.offers_of(request.app.stores, reservation) if reservation.tickets else {}
    document = ReservationPage(
        event=event_head(event),
        reservation=reservation_view(reservation, names),
        now_ms=now_ms(),
        refresh_s=_refresh_s(reservation, step),
        tickets=[ticket_view(names, ticket, offers) for ticket in sorted(reservation.tickets, key=in_order)],
        idempotency_key=secrets.token_urlsafe(16),
        problem=problem,
        chosen=chosen if test else token,
        paid="free" if not reservation.amount else "simulated" if test else way,
        ways=ways,
        continue_url=step.continue_url,
        buyer=await buyer_part(request, reservation, buyer) if reservation.status == "held" else None,
        bought=await _has_bought(request, reservation),
        wallet=bool(request.app.settings.wallet_certificate),
    )
    return respond("reservation.html", document, status, look=look)


def in_order(ticket: Mapping[str, Any]) -> tuple[str, tuple[str, int, str, int, str], str]:
    """Sort key: ticket type, then seat in natural order, then id."""
    seat = ticket["seat_id"]
    nowhere = ("", 0, "", 0, "")
    return ticket["ticket_type_id"], natural_order(seat) if seat else nowhere, ticket["ticket_id"]


def _refresh_s(reservation: Reservation, step: NextStep) -> int:
    """When a page without JavaScript reloads: at the end of the hold, or to see the bank's response."""
    if reservation.status == "paying":
        return PAYING_REFRESH_S if step == NOTHING_TO_DO else BUYER_REFRESH_S
    if reservation.status == "held":
        return max(HELD_REFRESH_MIN_S, (reservation.expires_at_ms - now_ms()) // 1000 + HELD_REFRESH_MIN_S)
    return 0
