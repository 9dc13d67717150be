"""The console's pages of orders: search, filter, export; one order with its history, to cancel and refund."""

from __future__ import annotations

import re
from datetime import datetime
from typing import get_args
from urllib.parse import urlencode

import msgspec
from quart import Response

from app import metrics
from app.catalogue import events as catalog
from app.core.errors import Conflict, ValidationFailed
from app.core.formats import SLUG
from app.core.formatting import money
from app.core.model import Event, EventId, ReservationId, ReservationStatus
from app.core.seating import seat_words
from app.reservations import orders
from app.reservations.orders import OrderStory
from app.store.sql.events import EventFilter
from app.store.sql.orders import OrderFilter, OrderRow
from app.web.api.orders import csv_response
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, moment, one_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

STATUSES: tuple[ReservationStatus, ...] = get_args(ReservationStatus)
STREAMED_MAX = 20_000  # orders in a file that is written while somebody waits; of more a job makes one
EVENTS_MAX = 500  # offered to choose from; others are named in the address
CHIPS = {"held": "off", "paying": "warn", "confirmed": "good", "cancelled": "bad", "expired": "off"}


class OrdersPage(msgspec.Struct, frozen=True):
    """One page of the orders. `filters`: how they were chosen, for forms that act on all of them."""

    staff: Staff
    asked: dict[str, str]
    filters: dict[str, str]
    events: list[Event]
    orders: list[OrderRow]
    total: int
    number: int
    more: bool
    to_page: str
    csv: str  # "": they are too many to be written while somebody waits
    chips: dict[str, str]


class Step(msgspec.Struct, frozen=True):
    """One line of an order's history."""

    at: datetime
    text: str
    by: str = ""
    href: str = ""


class OrderLine(msgspec.Struct, frozen=True):
    """One line of what was ordered."""

    name: str
    quantity: int
    price: int
    seats: list[str]


class OrderPage(msgspec.Struct, frozen=True):
    """One order with its history, the newest first."""

    staff: Staff
    story: OrderStory
    event: Event
    lines: list[OrderLine]
    history: list[Step]
    chips: dict[str, str]
    problem: str = ""


@console_page("/admin/orders", section="Orders")
async def order_list(request: Request, staff: Staff) -> Response:
    """The orders that match the filters."""
    fields = filters_of(request)
    wanted, number = await wanted_orders(request, fields, staff.zone), page_number(fields)
    found, total = await orders.page(
        request.app.stores, wanted, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    everything = EventFilter(None, None, None, published_only=False)
    listed, _ = await catalog.events_page(request.app.stores, everything, limit=EVENTS_MAX, offset=0)
    events = [it for it, _ in listed]
    filters = {name: it for name, it in fields.items() if name != "page"}
    csv = f"/admin/orders.csv?{urlencode(filters)}".rstrip("?") if total <= STREAMED_MAX else ""
    address, more = to_page(request, fields), number * PER_PAGE < total
    shown = fields, filters, events, found, total, number, more, address, csv
    document = OrdersPage(staff, *shown, CHIPS)
    return respond("console/orders.html", document)


@console_page("/admin/orders.csv", section="Orders")
async def order_file(request: Request, staff: Staff) -> Response:
    """All matching orders as a file."""
    fields = filters_of(request)
    wanted = await wanted_orders(request, fields, staff.zone)
    name = f"{wanted.event_id}-orders" if wanted.event_id else "orders"
    return quart_response(csv_response(await orders.orders(request.app.stores, wanted), name, request))


@console_page("/admin/orders/<reservation_id>", section="Orders")
async def order(request: Request, staff: Staff) -> Response:
    """One order."""
    return await _order(request, staff)


@console_form("/admin/orders/<reservation_id>/cancel", section="Orders", role="admin")
async def cancel_order(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Cancel the order and refund it."""
    reservation_id = ReservationId(request.params["reservation_id"])
    try:
        ended = await orders.cancel(request.app.engine, reservation_id, by=staff.by)
    except Conflict as refusal:
        return await _order(request, staff, refusal.detail, refusal.status)
    metrics.reserved(ended.status)
    return redirect_to(f"/admin/orders/{reservation_id}")


async def wanted_orders(request: Request, fields: dict[str, str], zone: str) -> OrderFilter:
    """The orders that these fields choose, times by the clock of a zone. Raises ValidationFailed."""
    event_id = fields.get("event")
    if event_id is not None and not re.fullmatch(SLUG, event_id):
        raise ValidationFailed("event", "is no event_id")
    word = fields.get("q")
    ids = await orders.find(request.app.stores, request.app.places, word) if word else None
    return OrderFilter(
        EventId(event_id) if event_id else None,
        one_of(fields, "status", STATUSES),
        moment(fields, "from", zone),
        moment(fields, "to", zone),
        ids,
    )


async def _order(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    story = await orders.story(request.app.stores, ReservationId(request.params["reservation_id"]))
    event, types = await catalog.event(request.app.stores, story.reservation.event_id)
    names = {it.ticket_type_id: it.name for it in types}
    lines = [
        OrderLine(
            names.get(it.ticket_type_id, it.ticket_type_id),
            it.quantity,
            it.price,
            [seat_words(seat) for seat in it.seat_ids or ()],
        )
        for it in story.reservation.items
    ]
    document = OrderPage(staff, story, event, lines, _history(story), CHIPS, problem)
    return respond("console/order.html", document, status)


def _history(story: OrderStory) -> list[Step]:
    """Everything that is on record about an order, the newest first."""
    it, times = story.reservation, story.times
    steps = [Step(times.created_at, "Held")]
    for payment in story.payments:
        name = f"Payment {payment.payment_id} by {payment.method}"
        steps.append(Step(payment.created_at, f"{name}: sent to the gateway"))
        if payment.settled_at is not None:
            steps.append(Step(payment.settled_at, f"{name}: {payment.status}"))
    for note in story.notes:
        steps.append(
            Step(
                note.noted_at, f"Payment {note.payment_id}: {note.kind}: {money(note.amount, note.currency)}"
            )
        )
    if times.confirmed_at is not None:
        steps.append(Step(times.confirmed_at, "Confirmed: paid, tickets issued"))
    if times.ended_at is not None:
        steps.append(Step(times.ended_at, "Hold expired" if it.status == "expired" else "Cancelled"))
    for mail in story.mails:
        href = f"/admin/mail/{mail.mail_id}"
        state = mail.state.replace("_", " ")
        steps.append(Step(mail.settled_at or mail.created_at, f"Mail “{mail.kind}”: {state}", href=href))
    for change in story.changes:
        who = change.name or change.subject
        steps.append(Step(change.changed_at, f"Staff: {change.change.action}", who))
    return sorted(steps, key=lambda step: step.at, reverse=True)
