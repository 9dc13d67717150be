"""The console's order pages: search, filter, export; and one order with its history, refunds and
cancelling."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, get_args
from urllib.parse import urlencode

import msgspec
from quart import Response

from app import metrics
from app.catalogue import events as catalog
from app.core.catalogue.seating import seat_words
from app.core.errors import Conflict, EventNotFound, ValidationFailed
from app.core.formats import SLUG
from app.core.model import Event, EventId, Item, ReservationId, ReservationStatus
from app.core.payments.sums import Sums, sums_of
from app.core.reservations.buyers import answered
from app.core.text.formatting import money
from app.reservations import approvals, buyers, orders
from app.reservations.orders import OrderStory
from app.store.sql.catalogue.events import EventFilter
from app.store.sql.payments.refund_approvals import RequestedRefund
from app.store.sql.reservations.buyers import StoredBuyer, read_form
from app.store.sql.reservations.orders import OrderFilter, OrderRow
from app.web.api.orders.orders import csv_response
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, moment, one_of, page_number, to_page
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

STATUSES: tuple[ReservationStatus, ...] = get_args(ReservationStatus)
STREAMED_MAX = 20_000  # orders in a file streamed directly; larger files are made by a job
EVENTS_MAX = 500  # offered in the filter; others can be named in the address
FILES = {
    "tickets.xlsx": "Tickets, one a row (XLSX)",
    "tickets.csv": "Tickets, one a row (CSV)",
    "money.xlsx": "Payments and refunds (XLSX)",
    "money.csv": "Payments and refunds (CSV)",
    "orders.xlsx": "Orders (XLSX)",
    "orders.csv": "Orders (CSV)",
}
CHIPS = {"held": "off", "paying": "warn", "confirmed": "good", "cancelled": "bad", "expired": "off"}


class OrdersPage(msgspec.Struct, frozen=True):
    """One page of orders. `filters`: the current filters, for forms that act on all matching orders."""

    staff: Staff
    sale: SaleHead | None  # set if the orders are filtered by one sale
    query: dict[str, str]
    filters: dict[str, str]
    events: list[Event]
    orders: list[OrderRow]
    total: int
    number: int
    more: bool
    to_page: str
    csv: str  # "" if there are too many to stream
    files: dict[str, str]  # files that a job can make, by their name in the form
    chips: dict[str, str]


class Step(msgspec.Struct, frozen=True):
    """One entry of an order's history."""

    at: datetime
    text: str
    by: str = ""
    href: str = ""


class OrderLine(msgspec.Struct, frozen=True):
    """One line of an order."""

    name: str
    quantity: int
    price: int
    seats: list[str]


class TicketRow(msgspec.Struct, frozen=True):
    """A valid ticket of an order."""

    ticket_id: str
    name: str
    code: str


class OrderPage(msgspec.Struct, frozen=True):
    """One order with its history, newest first.

    `refundable`: what can still be refunded, in minor units; None if nothing was paid or all is refunded.
    """

    staff: Staff
    story: OrderStory
    event: Event
    buyer: StoredBuyer | None
    answers: list[tuple[str, str]]  # the buyer's, each with its question
    lines: list[OrderLine]
    returned: list[OrderLine]  # cancelled and back on sale
    tickets: list[TicketRow]
    sums: Sums  # what the amount consists of
    history: list[Step]
    chips: dict[str, str]
    refundable: int | None
    idempotency_key: str
    problem: str = ""
    waiting: RequestedRefund | None = None  # a refund that waits for its second person


@console_page("/admin/orders", section="Orders", scope="reservations:read", of_sales=True)
async def order_list(request: Request, staff: Staff) -> Response:
    """List the orders that match the filters."""
    fields = filters_of(request)
    criteria, number = await order_filter(request, fields, staff.zone), page_number(fields)
    criteria = criteria._replace(events=staff.events("reservations:read"))
    matching, total = await orders.page(
        request.app.stores, criteria, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    everything = EventFilter(None, None, None, published_only=False, events=staff.events("reservations:read"))
    listed, _ = await catalog.events_page(request.app.stores, everything, limit=EVENTS_MAX, offset=0)
    events = [it for it, _ in listed]
    filters = {name: it for name, it in fields.items() if name != "page"}
    csv = f"/admin/orders.csv?{urlencode(filters)}".rstrip("?") if total <= STREAMED_MAX else ""
    address, more = to_page(request, fields), number * PER_PAGE < total
    parts = fields, filters, events, matching, total, number, more, address, csv, FILES
    document = OrdersPage(staff, await _head(request, staff, criteria.event_id), *parts, CHIPS)
    return respond("console/orders.html", document)


@console_page("/admin/orders.csv", section="Orders", scope="reservations:read", of_sales=True)
async def order_file(request: Request, staff: Staff) -> Response:
    """Stream all matching orders as a file."""
    fields = filters_of(request)
    criteria = await order_filter(request, fields, staff.zone)
    criteria = criteria._replace(events=staff.events("reservations:read"))
    name = f"{criteria.event_id}-orders" if criteria.event_id else "orders"
    return quart_response(csv_response(await orders.orders(request.app.stores, criteria), name, request))


@console_page("/admin/orders/<reservation_id>", section="Orders", scope="reservations:read")
async def order(request: Request, staff: Staff) -> Response:
    """Show one order."""
    return await order_page(request, staff)


@console_form(
    "/admin/orders/<reservation_id>/cancel", section="Orders", role="admin", scope="reservations:write"
)
async def cancel_order(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Cancel the order and refund it."""
    reservation_id = ReservationId(request.params["reservation_id"])
    try:
        ended = await orders.cancel(request.app.engine, reservation_id, by=staff.by)
    except Conflict as refusal:
        return await order_page(request, staff, message_of(refusal), refusal.status)
    metrics.count_reservations(ended.status)
    return redirect_to(f"/admin/orders/{reservation_id}")


async def order_filter(request: Request, fields: dict[str, str], zone: str) -> OrderFilter:
    """Parse these fields as filters, with times in the given zone. Raises ValidationFailed."""
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


async def _head(request: Request, staff: Staff, event_id: EventId | None) -> SaleHead | None:
    """The head of the sale whose orders are listed, if it exists."""
    visible = staff.events("reservations:read")
    if event_id is None or (visible is not None and event_id not in visible):
        return None
    try:
        event, _ = await catalog.event(request.app.stores, event_id)
    except EventNotFound:
        return None
    room = await request.app.queues.loaded_rooms.read(event.room_id)
    return await sale_head(request, staff, room, "Orders")


async def order_page(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    """Render one order, with what went wrong."""
    story = await orders.story(request.app.stores, ReservationId(request.params["reservation_id"]))
    event, types = await catalog.event(request.app.stores, story.reservation.event_id)
    names: dict[str, str] = {it.ticket_type_id: it.name for it in types}
    reservation = story.reservation
    buyer = await buyers.of_reservation(request.app.stores, reservation.reservation_id)
    document = OrderPage(
        staff,
        story,
        event,
        buyer,
        answers=answered(read_form(reservation.buyer_form), buyer.answers) if buyer else [],
        lines=[_line(names, item) for item in reservation.items],
        returned=[_line(names, item) for item in reservation.cancelled_items],
        tickets=[_ticket(names, ticket) for ticket in reservation.tickets],
        sums=sums_of(reservation),
        history=_history(story),
        chips=CHIPS,
        refundable=_refundable(story),
        idempotency_key=secrets.token_urlsafe(16),
        problem=problem,
        waiting=await approvals.waiting(request.app.stores, reservation.reservation_id),
    )
    return respond("console/order.html", document, status)


def _line(names: Mapping[str, str], item: Item) -> OrderLine:
    seats = [seat_words(seat) for seat in item.seat_ids or ()]
    return OrderLine(names.get(item.ticket_type_id, item.ticket_type_id), item.quantity, item.price, seats)


def _ticket(names: Mapping[str, str], ticket: Mapping[str, Any]) -> TicketRow:
    name = names.get(ticket["ticket_type_id"], ticket["ticket_type_id"])
    seat = f", {seat_words(ticket['seat_id'])}" if ticket["seat_id"] else ""
    return TicketRow(ticket["ticket_id"], f"{name}{seat}", ticket["code"])


def _refundable(story: OrderStory) -> int | None:
    paid = [it.amount - it.refunded for it in story.payments if it.status == "succeeded"]
    return sum(paid) if paid else None


def _refund_steps(story: OrderStory) -> Iterator[Step]:
    for refund in story.refunds:
        codes = f"; cancelled {', '.join(it.code for it in refund.tickets)}" if refund.tickets else ""
        why = {"failed": f": refused ({refund.why})", "owed": ": on its way"}.get(refund.state, "")
        sum_of = f"Refund of {money(refund.amount, refund.currency)}{why}{codes}"
        yield Step(refund.created_at, f"{sum_of}. {refund.reason}" if refund.reason else sum_of)


def _history(story: OrderStory) -> list[Step]:
    """The recorded history of an order, newest first."""
    reservation, times = story.reservation, story.times
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
        steps.append(Step(times.ended_at, "Hold expired" if reservation.status == "expired" else "Cancelled"))
    steps += _refund_steps(story)
    for mail in story.mails:
        href = f"/admin/mail/{mail.mail_id}"
        state = mail.state.replace("_", " ")
        steps.append(Step(mail.settled_at or mail.created_at, f"Mail “{mail.kind}”: {state}", href=href))
    for change in story.changes:
        author = change.name or change.subject
        steps.append(Step(change.changed_at, f"Staff: {change.change.action}", author))
    return sorted(steps, key=lambda step: step.at, reverse=True)
