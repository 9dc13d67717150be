"""The forms of the booking page and of a reservation: reserve, pay, cancel, extend."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from quart import Response

from app.catalogue import codes, events
from app.core.catalogue.codes import amount_of
from app.core.catalogue.seating import type_of
from app.core.errors import (
    CodeRefused,
    CompanionAlone,
    Conflict,
    CredentialMissing,
    HoldExpired,
    IdempotencyKeyReused,
    LimitExceeded,
    NotOnSale,
    PaymentDeclined,
    PriceChanged,
    Refusal,
    SeatTaken,
    SessionEnded,
    SoldOut,
    ValidationFailed,
)
from app.core.formats import CODE, SEAT_ID
from app.core.model import EventId, Item, Reservation, TicketTypeId
from app.core.payments.sums import Fee, fee_of
from app.core.reservations.requested_tickets import BestAvailable, NamedSeats, RequestedTickets, Together
from app.reservations import buyers, operations, paid_elsewhere, payment_steps
from app.reservations.operations import Payment
from app.store.sql.reservations.buyers import read_form as read_buyer_form
from app.web.api.mailbox import mail_locale
from app.web.http.credentials import network_of
from app.web.http.routes import Request
from app.web.pages.form_fields import count_of, read_fields, read_form, redirect_to
from app.web.pages.sale.booking import PAYMENT_ASKED, Choice, event_page, find_owned, reservation_page
from app.web.pages.sale.buyer_form import buyer_in
from app.web.pages.visitors import (
    session_of,
)

QUANTITY = "quantity."  # + ticket_type_id: the name of a field
PRICE = "price."  # + ticket_type_id: the price shown on the page
FEE = "fee"
SEAT = "seat"  # the name of a checkbox in the list of seats
_SEAT, _CODE = re.compile(SEAT_ID), re.compile(CODE)
KEY_LENGTH_MAX = 128
RESERVE_PROBLEMS: tuple[type[Refusal], ...] = (
    CompanionAlone,
    SoldOut,
    NotOnSale,
    CodeRefused,
    PriceChanged,
    LimitExceeded,
    SessionEnded,
    IdempotencyKeyReused,
)


async def reserve(request: Request) -> Response:
    """Reserve tickets."""
    fields = await read_fields()
    form, event_id = dict(fields), EventId(request.params["event_id"])
    chosen = Choice(
        _counts(form),
        [value for name, value in fields if name == SEAT and _SEAT.match(value)],
        form.get("code", ""),
    )
    event, ticket_types = await events.event(request.app.stores, event_id)
    tickets = _tickets_of(chosen, [it.ticket_type_id for it in ticket_types if it.seated])
    if isinstance(tickets, str):
        return await event_page(request, tickets, chosen, 422)
    claims = await session_of(request, event.room_id)
    if claims is None:
        return await event_page(request, "session_ended", chosen, CredentialMissing.status)
    try:
        reserved = await operations.reserve(
            request.app.engine,
            claims,
            event_id,
            tickets,
            idempotency_key=_key(form),
            expected=await _amount_on_page(request, event_id, form, chosen),
            network=network_of(request, claims.room_id),
            code=_code(chosen.code),
        )
    except SeatTaken as refusal:
        taken = refusal.members.get("seat_ids", [])
        return await event_page(request, refusal.code, chosen, refusal.status, taken)
    except RESERVE_PROBLEMS as refusal:
        return await event_page(request, refusal.code, chosen, refusal.status)
    except ValidationFailed as refusal:
        return await event_page(request, "refused", chosen, refusal.status)
    return redirect_to(f"/reservations/{reserved.reservation_id}")


async def _amount_on_page(
    request: Request, event_id: EventId, form: Mapping[str, str], chosen: Choice
) -> int | None:
    """The total shown to the visitor for this choice; None if the form does not say."""
    counts = Counter(type_of(it) for it in chosen.seat_ids)
    counts.update({name: count for name, count in chosen.counts.items() if name not in counts})
    amounts = [(count, form.get(PRICE + name, "")) for name, count in counts.items() if count]
    if any(count_of(price) < 0 or not price for _, price in amounts):
        return None
    fee, lines = _fee_on_page(form), [(count, count_of(price)) for count, price in amounts]
    if not chosen.code:
        cost = sum(count * price for count, price in lines)
        return cost + fee_of(fee, lines, cost)
    good, _ = await codes.offer(request.app.stores, event_id, chosen.code)
    prices = {name: count_of(form.get(PRICE + name, "")) for name in counts}
    if good is None:
        return None
    cost = amount_of(good, counts, prices)
    return cost + fee_of(fee, lines, cost)


def _fee_on_page(form: Mapping[str, str]) -> Fee:
    """The booking fee shown on the page, as PER_TICKET|RATE_BP."""
    each, _, rate_bp = form.get(FEE, "").partition("|")
    return Fee(max(0, count_of(each)), max(0, count_of(rate_bp)))


def _code(text: str) -> str | None:
    """The code in the form; "NONE" for what cannot be a code."""
    name = text.strip().upper()
    return (name if _CODE.match(name) else "NONE") if name else None


def _tickets_of(chosen: Choice, seated: list[TicketTypeId]) -> RequestedTickets | str:
    """Counted tickets and chosen seats, or the best seats of one section; else the problem."""
    items = [
        Item(ticket_type_id=TicketTypeId(name), quantity=count)
        for name, count in chosen.counts.items()
        if count
    ]
    counted = [it for it in items if it.ticket_type_id not in seated]
    best = [it for it in items if it.ticket_type_id in seated]
    if len(best) + bool(chosen.seat_ids) > 1:
        return "one_section"
    if not items and not chosen.seat_ids:
        return "nothing_chosen"
    seats: NamedSeats | BestAvailable | None = None
    if chosen.seat_ids:
        seats = NamedSeats(seat_ids=list(chosen.seat_ids))
    elif best:
        seats = BestAvailable(ticket_type_id=best[0].ticket_type_id, quantity=best[0].quantity)
    if seats is None:
        return counted
    return Together(items=counted, seats=seats) if counted else seats


async def pay(request: Request) -> Response:
    """Pay for a hold."""
    form = await read_form()
    reservation = await find_and_count(request)
    method, _, token = form.get("way", "").partition(" ")
    method, token = method or form.get("method", "card"), token or form.get("token", "")
    payment, goes_on, buyer = Payment(method, token), False, None
    try:
        if reservation.status == "held" and read_buyer_form(reservation.buyer_form).asks_anything:
            buyer = buyer_in(form, await mail_locale(request, reservation.room_id))
            await buyers.require(request.app.stores, request.app.traces, reservation, buyer)
        if reservation.amount:
            answer = await operations.confirm(
                request.app.engine, reservation.reservation_id, payment, _key(form)
            )
            became = answer.reservation
            goes_on = bool(answer.step.continue_url)  # the page links there
        else:
            became = await paid_elsewhere.confirm_free(request.app.engine, reservation.reservation_id)
        query = f"?{PAYMENT_ASKED.decode()}" if became.status == "paying" and not goes_on else ""
    except PaymentDeclined as refusal:
        return await reservation_page(request, reservation, refusal.code, token, refusal.status)
    except ValidationFailed as refusal:
        return await reservation_page(
            request, reservation, "refused", token, status=refusal.status, buyer=buyer
        )
    except (HoldExpired, Conflict):
        query = ""  # the page shows the current state
    return redirect_to(f"/reservations/{reservation.reservation_id}{query}")


async def stop(request: Request) -> Response:
    """End the pending payment, so that the buyer can choose another way to pay."""
    reservation = await find_and_count(request)
    await payment_steps.stop_payment(request.app.engine, reservation.reservation_id)
    return redirect_to(f"/reservations/{reservation.reservation_id}")


async def cancel(request: Request) -> Response:
    """Cancel the reservation."""
    reservation = await find_and_count(request, bought=True)
    if any(ticket["transferred"] for ticket in reservation.tickets):  # a ticket belongs to somebody else now
        return await reservation_page(request, reservation, "refused", status=Conflict.status)
    with suppress(Conflict):
        await operations.cancel(request.app.engine, reservation.reservation_id)
    return redirect_to(f"/reservations/{reservation.reservation_id}")


async def extend(request: Request) -> Response:
    """Extend the hold."""
    reservation = await find_and_count(request)
    with suppress(Conflict, HoldExpired):  # the page shows the current state
        await operations.extend(request.app.engine, reservation.reservation_id)
    return redirect_to(f"/reservations/{reservation.reservation_id}")


async def find_and_count(request: Request, *, bought: bool = False) -> Reservation:
    """Find the visitor's reservation for a change. Raises RateLimited."""
    reservation = await find_owned(request, bought=bought)
    await operations.count_change(request.app.engine, reservation, network_of(request, reservation.room_id))
    return reservation


def _counts(form: dict[str, str]) -> dict[str, int]:
    """Quantities by type; -1 for invalid ones, which are refused later."""
    return {
        name.removeprefix(QUANTITY): count_of(value.strip())
        for name, value in form.items()
        if name.startswith(QUANTITY)
    }


def _key(form: dict[str, str]) -> str:
    """The attempt's idempotency key from the page; without one, every submission is a new attempt."""
    key = form.get("idempotency_key", "")
    sane = 0 < len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()
    return key if sane else secrets.token_urlsafe(16)
