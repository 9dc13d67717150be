"""The calls of staff for orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.errors import (
    ApprovalNeeded,
    BadHeader,
    Conflict,
    EventNotFound,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    ReservationNotFound,
    StoreUnavailable,
)
from app.core.formats import NAME, OPAQUE, At, Slug
from app.core.model import EventId, ReservationId, ReservationStatus, Struct
from app.core.payments.refunds import Refund, RefundState
from app.core.text.csv_rows import csv_rows
from app.reservations import orders, refunds
from app.reservations.refunds import NewRefund
from app.store.sql.reservations.exports import Order
from app.store.sql.reservations.orders import OrderFilter
from app.web.documents.sale import Page, ReservationDocument, reservation_document
from app.web.http.bodies import idempotency_key
from app.web.http.cache_control import NO_STORE, PRIVATE
from app.web.http.deadlines import CALL_TIMEOUT_S, answered_within
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, OPERATOR, author, events_of

TAG = "Staff: events"
AMOUNT_MAX = 1_000_000_000_000  # minor units
CSV = b"text/csv; charset=utf-8"
TicketId = Annotated[str, Meta(pattern=OPAQUE)]
Word = Annotated[str, Meta(min_length=1, max_length=254, pattern=NAME)]


class OrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which orders."""

    status: ReservationStatus | None = None


class OrderListQuery(PageQuery, frozen=True, rename={"made_from": "from", "made_to": "to"}):
    """Which orders: of an event, in a state, created when; and `q`, the complete id of a reservation,
    visitor or payment, a buyer's e-mail, or a ticket code."""

    q: Word | None = None
    event_id: Slug | None = None
    status: ReservationStatus | None = None
    made_from: At | None = None
    made_to: At | None = None


class OrderDocument(msgspec.Struct, frozen=True):
    """One order of a list; `email`: its visitor's address, if they left one."""

    reservation_id: str
    event_id: str
    event_name: str
    visitor_id: str
    email: str | None
    status: str
    quantity: int
    amount: int
    currency: str
    created_at: datetime


@endpoint(
    "GET",
    "/v1/orders",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    of_its_events=True,
    query=OrderListQuery,
    answers={200: Page[OrderDocument]},
    errors=(EventNotFound, StoreUnavailable),
)
async def list_orders(request: Request, account: Account, query: OrderListQuery) -> Response:
    """List or search orders of all events, newest first. A key sees those of its events."""
    ids = await orders.find(request.app.stores, request.app.places, query.q) if query.q else None
    criteria = OrderFilter(
        EventId(query.event_id) if query.event_id else None,
        query.status,
        query.made_from,
        query.made_to,
        ids,
        events_of(account, "reservations:read"),
    )
    listed, total = await orders.page(request.app.stores, criteria, limit=query.per_page, offset=query.offset)
    return page_response(request, query, [OrderDocument(*it) for it in listed], total)


@endpoint(
    "POST",
    "/v1/orders/{reservation_id}/cancel",
    tag=TAG,
    auth=ADMIN,
    scope="reservations:write",
    answers={200: ReservationDocument},
    errors=(ReservationNotFound, Conflict, ApprovalNeeded, StoreUnavailable),
)
async def cancel_order(request: Request, account: Account) -> Response:
    """Cancel an order: its tickets go back on sale and the payment is refunded.

    200, also when repeated, which changes nothing.
    """
    reservation_id = ReservationId(request.params["reservation_id"])
    ended = await orders.cancel(request.app.engine, reservation_id, by=author(request, account))
    return json_response(200, reservation_document(ended), [PRIVATE])


class RefundBody(Struct, frozen=True):
    """What to refund of an order, in minor units; without an amount: the price of the tickets. The tickets
    listed are cancelled, and go back on sale unless `to_stock` is false."""

    amount: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] | None = None
    ticket_ids: Annotated[tuple[TicketId, ...], Meta(max_length=100)] = ()
    to_stock: bool = True
    reason: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""


class RefundDocument(msgspec.Struct, frozen=True):
    """A partial refund: `owed` until the gateway has made it (`done`) or refused it (`failed`, with `why`).

    `codes` are those of the tickets cancelled with it.
    """

    refund_id: str
    amount: int
    currency: str
    codes: list[str]
    to_stock: bool
    reason: str
    state: RefundState
    why: str


class RefundsDocument(msgspec.Struct, frozen=True):
    """The partial refunds of an order, oldest first."""

    items: list[RefundDocument]


@endpoint(
    "POST",
    "/v1/orders/{reservation_id}/refunds",
    tag=TAG,
    auth=ADMIN,
    scope="reservations:write",
    body=RefundBody,
    answers={201: RefundDocument},
    headers=("Idempotency-Key",),
    errors=(
        IdempotencyKeyRequired,
        BadHeader,
        IdempotencyKeyReused,
        ReservationNotFound,
        Conflict,
        ApprovalNeeded,
        StoreUnavailable,
    ),
)
async def refund_order(request: Request, account: Account, body: RefundBody) -> Response:
    """Refund a part of an order, never more than is left, and cancel tickets of it.

    The same Idempotency-Key refunds only once.
    """
    key = idempotency_key(request)
    if key is None:
        raise IdempotencyKeyRequired
    reservation_id = ReservationId(request.params["reservation_id"])
    new = NewRefund(body.amount, body.ticket_ids, body.to_stock, body.reason.strip())
    created = await refunds.refund(request.app.engine, reservation_id, new, key, by=author(request, account))
    return json_response(201, refund_document(created), [PRIVATE])


@endpoint(
    "GET",
    "/v1/orders/{reservation_id}/refunds",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    answers={200: RefundsDocument},
    errors=(ReservationNotFound, StoreUnavailable),
)
async def read_refunds(request: Request, account: Account) -> Response:
    """Get the partial refunds of an order."""
    reservation_id = ReservationId(request.params["reservation_id"])
    refunds_made = await orders.refunds_of(request.app.stores, reservation_id)
    return json_response(200, RefundsDocument([refund_document(it) for it in refunds_made]), [PRIVATE])


def refund_document(refund: Refund) -> RefundDocument:
    """Render a refund."""
    codes = [ticket.code for ticket in refund.tickets]
    return RefundDocument(
        refund.refund_id,
        refund.amount,
        refund.currency,
        codes,
        refund.to_stock,
        refund.reason,
        refund.state,
        refund.why,
    )


@endpoint(
    "GET",
    "/v1/events/{event_id}/orders.csv",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    query=OrdersQuery,
    answers={200: CSV},
    errors=(EventNotFound, StoreUnavailable),
)
async def orders_csv(request: Request, account: Account, query: OrdersQuery) -> Response:
    """Download the orders of an event as CSV, oldest first, in one snapshot."""
    event_id = EventId(request.params["event_id"])
    criteria = OrderFilter(event_id, query.status)
    return csv_response(await orders.orders(request.app.stores, criteria), f"{event_id}-orders", request)


def csv_response(rows: AsyncIterator[Sequence[Order]], name: str, request: Request) -> Response:
    """The orders as a file.

    No cell can be a formula to a spreadsheet: they are our own ids, numbers, times and words, and names and
    addresses with a quote in front of anything that could be one. An id that begins with `-` is left as it
    is, because a quote would make it another id.
    """
    headers = [
        (b"content-disposition", f'attachment; filename="{name}.csv"'.encode()),
        NO_STORE,
    ]
    return Response(200, _lines(rows, request.app.exporting), headers, CSV)


async def _lines(chunks: AsyncIterator[Sequence[Order]], slots: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """RFC 4180, a chunk at a time. Each report holds a connection, so their number is limited."""
    yield csv_rows([Order._fields])
    async with answered_within(CALL_TIMEOUT_S):
        await slots.acquire()
    try:
        async for chunk in chunks:
            yield csv_rows(chunk)
    finally:
        slots.release()
