"""Documents of events and reservations, and the pages of lists."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from app.core.clock import from_ms, in_zone
from app.core.model import Event, Item, Reservation, ReservationStatus, TicketType
from app.core.payments.sums import sums_of

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list."""

    items: list[T]
    total: int
    page: int
    per_page: int


class TicketTypeDocument(msgspec.Struct, frozen=True):
    """A ticket type and its counts."""

    ticket_type_id: str
    name: str
    price: int
    free: int
    held: int
    sold: int
    total: int
    sale_from: datetime | None
    sale_until: datetime | None
    hidden: bool
    tax_rate_bp: int


class EventDocument(msgspec.Struct, frozen=True):
    """An event."""

    event_id: str
    room_id: str
    name: str
    venue: str
    artist: str
    starts_at: datetime
    timezone: str
    currency: str
    max_tickets_per_visitor: int
    hold_ttl_s: int
    hold_extend_s: int
    sell_after_start: bool
    prices_include_tax: bool
    fee_per_ticket: int
    fee_rate_bp: int
    fee_tax_rate_bp: int
    payments: list[str]
    seller: str
    ticket_types: list[TicketTypeDocument]
    seated: bool
    published: bool


class AvailabilityDocument(msgspec.Struct, frozen=True):
    """How many tickets of each type are left."""

    event_id: str
    ticket_types: list[TicketTypeDocument]
    updated_at: datetime


class ReservedItem(msgspec.Struct, frozen=True):
    """Tickets of one type; `price` is for each."""

    ticket_type_id: str
    quantity: int
    price: int


class TicketDocument(msgspec.Struct, frozen=True):
    """A ticket of a confirmed reservation; if it was transferred, only its new holder gets the code."""

    ticket_id: str
    ticket_type_id: str
    seat_id: str | None
    code: str
    transferred: bool = False


class ReservationDocument(msgspec.Struct, frozen=True):
    """A reservation."""

    reservation_id: str
    event_id: str
    visitor_id: str
    status: ReservationStatus
    items: list[ReservedItem]
    seat_ids: list[str]
    amount: int
    currency: str
    created_at: datetime | None
    expires_at: datetime | None
    confirmed_at: datetime | None
    tickets: list[TicketDocument]
    extendable: bool
    code: str | None
    discount: int
    fee: int  # the booking fee, in the amount
    tax: int  # all tax in the amount
    refunded: int  # of the amount, in minor units; cancelling an order refunds the rest of it


class PayingDocument(ReservationDocument, frozen=True):
    """A reservation with a pending payment, and where its buyer continues.

    At `continue_url`, a page of the gateway; or on the shop's own page with the gateway's script, which takes
    the `client_secret`. Both are empty while only the gateway has to act.
    """

    continue_url: str
    client_secret: str


def ticket_type_document(ticket_type: TicketType) -> TicketTypeDocument:
    """Build the document of a ticket type."""
    free = ticket_type.total - ticket_type.held - ticket_type.sold
    counts = (free, ticket_type.held, ticket_type.sold, ticket_type.total)
    return TicketTypeDocument(
        *(ticket_type.ticket_type_id, ticket_type.name, ticket_type.price, *counts),
        *(_utc(ticket_type.sale_from), _utc(ticket_type.sale_until)),
        *(ticket_type.hidden, ticket_type.tax_rate_bp),
    )


def _utc(at: datetime | None) -> datetime | None:
    return in_zone(at) if at else None


def event_document(event: Event, ticket_types: list[TicketType]) -> EventDocument:
    """Build the document of an event."""
    return EventDocument(
        event_id=event.event_id,
        room_id=event.room_id,
        name=event.name,
        venue=event.venue,
        artist=event.artist,
        starts_at=in_zone(event.starts_at),
        timezone=event.timezone,
        currency=event.currency,
        max_tickets_per_visitor=event.max_tickets_per_visitor,
        hold_ttl_s=event.hold_ttl_s,
        hold_extend_s=event.hold_extend_s,
        sell_after_start=event.sell_after_start,
        prices_include_tax=event.prices_include_tax,
        fee_per_ticket=event.fee_per_ticket,
        fee_rate_bp=event.fee_rate_bp,
        fee_tax_rate_bp=event.fee_tax_rate_bp,
        payments=event.payments,
        seller=event.seller,
        ticket_types=[ticket_type_document(it) for it in ticket_types],
        seated=any(it.seated for it in ticket_types),
        published=event.published,
    )


def reservation_document(reservation: Reservation) -> ReservationDocument:
    """Build the document of a reservation."""
    parts = sums_of(reservation)
    return ReservationDocument(
        reservation.reservation_id,
        reservation.event_id,
        reservation.visitor_id,
        reservation.status,
        [_item(item) for item in reservation.items],
        [seat for item in reservation.items for seat in item.seat_ids or ()],
        reservation.amount,
        reservation.currency,
        from_ms(reservation.created_at_ms),
        from_ms(reservation.expires_at_ms),
        from_ms(reservation.confirmed_at_ms),
        [TicketDocument(**ticket) for ticket in reservation.tickets],
        reservation.extendable,
        reservation.code,
        reservation.discount,
        parts.fee,
        parts.tax,
        reservation.refunded,
    )


def paying_document(reservation: Reservation, continue_url: str, client_secret: str) -> PayingDocument:
    """Build the document of a reservation with a pending payment."""
    fields = msgspec.structs.asdict(reservation_document(reservation))
    return PayingDocument(**fields, continue_url=continue_url, client_secret=client_secret)


def _item(item: Item) -> ReservedItem:
    return ReservedItem(item.ticket_type_id, item.quantity, item.price)
