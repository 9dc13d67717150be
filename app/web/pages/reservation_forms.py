"""The forms of the booking page and of a reservation: reserve, pay, cancel, extend."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from quart import Response

from app.catalogue import events
from app.core.errors import (
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
from app.core.formats import SEAT_ID
from app.core.model import BestAvailable, EventId, Item, NamedSeats, Reservation, TicketTypeId, Wanted
from app.core.seating import type_of
from app.reservations import operations, paid_elsewhere, payment_steps
from app.reservations.operations import Payment
from app.web.http.credentials import network_of
from app.web.http.routes import Request
from app.web.pages.booking import PAYMENT_ASKED, Choice, event_page, owned, reservation_page
from app.web.pages.form_fields import count_of, read_fields, read_form, redirect_to
from app.web.pages.visitors import (
    session_of,
)

QUANTITY = "quantity."  # + ticket_type_id: the name of a field
PRICE = "price."  # + ticket_type_id: what the page said one costs
SEAT = "seat"  # the name of a box of the list of seats
_SEAT = re.compile(SEAT_ID)
KEY_LENGTH_MAX = 128
RESERVE_PROBLEMS: tuple[type[Refusal], ...] = (
    SoldOut,
    NotOnSale,
    PriceChanged,
    LimitExceeded,
    SessionEnded,
    IdempotencyKeyReused,
)


async def reserve(request: Request) -> Response:
    """Take tickets."""
    fields = await read_fields()
    form, event_id = dict(fields), EventId(request.params["event_id"])
    chosen = Choice(_counts(form), [value for name, value in fields if name == SEAT and _SEAT.match(value)])
    found, ticket_types = await events.event(request.app.stores, event_id)
    wanted = _wanted(chosen, [it.ticket_type_id for it in ticket_types if it.seated])
    if isinstance(wanted, str):
        return await event_page(request, wanted, chosen, 422)
    claims = await session_of(request, found.room_id)
    if claims is None:
        return await event_page(request, "session_ended", chosen, CredentialMissing.status)
    try:
        reserved = await operations.reserve(
            request.app.engine,
            claims,
            event_id,
            wanted,
            idempotency_key=_key(form),
            expected=_shown_amount(form, chosen),
            network=network_of(request, claims.room_id),
        )
    except SeatTaken as refusal:
        taken = refusal.members.get("seat_ids", [])
        return await event_page(request, refusal.code, chosen, refusal.status, taken)
    except RESERVE_PROBLEMS as refusal:
        return await event_page(request, refusal.code, chosen, refusal.status)
    except ValidationFailed as refusal:
        return await event_page(request, "refused", chosen, refusal.status)
    return redirect_to(f"/reservations/{reserved.reservation_id}")


def _shown_amount(form: Mapping[str, str], chosen: Choice) -> int | None:
    """What the choice came to on the page they looked at; None: it does not say."""
    counts = chosen.counts if not chosen.seat_ids else Counter(type_of(it) for it in chosen.seat_ids)
    wanted = [(count, form.get(PRICE + name, "")) for name, count in counts.items() if count]
    if any(count_of(price) < 0 or not price for _, price in wanted):
        return None
    return sum(count * count_of(price) for count, price in wanted)


def _wanted(chosen: Choice, seated: list[TicketTypeId]) -> Wanted | str:
    """Counted tickets, these seats, or the best seats of one section; else the problem with the choice."""
    items = [
        Item(ticket_type_id=TicketTypeId(name), quantity=count)
        for name, count in chosen.counts.items()
        if count
    ]
    if chosen.seat_ids:
        return "one_kind" if items else NamedSeats(seat_ids=list(chosen.seat_ids))
    if not items:
        return "nothing_chosen"
    if not any(it.ticket_type_id in seated for it in items):
        return items
    if len(items) > 1:
        return "one_section"
    return BestAvailable(ticket_type_id=items[0].ticket_type_id, quantity=items[0].quantity)


async def pay(request: Request) -> Response:
    """Pay for a hold."""
    form = await read_form()
    it = await _counted(request)
    token = form.get("token", "")
    payment, goes_on = Payment(form.get("method", "card"), token), False
    try:
        if it.amount:
            answer = await operations.confirm(request.app.engine, it.reservation_id, payment, _key(form))
            became = answer.reservation
            goes_on = bool(answer.step.continue_url)  # the page shows the way
        else:
            became = await paid_elsewhere.confirm_free(request.app.engine, it.reservation_id)
        query = f"?{PAYMENT_ASKED.decode()}" if became.status == "paying" and not goes_on else ""
    except PaymentDeclined as refusal:
        return await reservation_page(request, it, refusal.code, token, refusal.status)
    except ValidationFailed as refusal:
        return await reservation_page(request, it, "refused", status=refusal.status)
    except (HoldExpired, Conflict):
        query = ""  # the page shows it what became of it
    return redirect_to(f"/reservations/{it.reservation_id}{query}")


async def stop(request: Request) -> Response:
    """End the payment under way, to pay otherwise."""
    it = await _counted(request)
    await payment_steps.stop_payment(request.app.engine, it.reservation_id)
    return redirect_to(f"/reservations/{it.reservation_id}")


async def cancel(request: Request) -> Response:
    """Give the tickets back."""
    it = await _counted(request)
    with suppress(Conflict):
        await operations.cancel(request.app.engine, it.reservation_id)
    return redirect_to(f"/reservations/{it.reservation_id}")


async def extend(request: Request) -> Response:
    """Put off the end of the hold."""
    it = await _counted(request)
    with suppress(Conflict, HoldExpired):  # the page shows it what became of it
        await operations.extend(request.app.engine, it.reservation_id)
    return redirect_to(f"/reservations/{it.reservation_id}")


async def _counted(request: Request) -> Reservation:
    """The visitor's reservation, which they are about to do something with. Raises RateLimited."""
    it = await owned(request)
    await operations.count_change(request.app.engine, it, network_of(request, it.room_id))
    return it


def _counts(form: dict[str, str]) -> dict[str, int]:
    """How many of each type; what is not a sane number counts as refused later: -1."""
    return {
        name.removeprefix(QUANTITY): count_of(value.strip())
        for name, value in form.items()
        if name.startswith(QUANTITY)
    }


def _key(form: dict[str, str]) -> str:
    """The attempt's key from the page; without one every sending is an attempt of its own."""
    key = form.get("idempotency_key", "")
    sane = 0 < len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()
    return key if sane else secrets.token_urlsafe(16)
