"""Documents of events and reservations, and the form of lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec

from app.core.clock import from_ms, in_zone
from app.core.model import Event, Item, Reservation, ReservationStatus, TicketType
from app.core.rules import sold_until
from app.core.seating import FREE, HELD, SOLD, SeatRow

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
    ticket_types: list[TicketTypeDocument]
    seated: bool
    published: bool


class AvailabilityDocument(msgspec.Struct, frozen=True):
    """How many tickets of each type are left."""

    event_id: str
    ticket_types: list[TicketTypeDocument]
    updated_at: datetime


class SeatRowDocument(msgspec.Struct, frozen=True):
    """A row: `states` has a character for each seat number from `first` on; - is a gap, no seat."""

    row: str
    first: int
    states: str


class SeatSectionDocument(msgspec.Struct, frozen=True):
    """A section, a ticket type; `seat_id` is a pattern: put in the row and the number."""

    ticket_type_id: str
    name: str
    price: int
    seat_id: str
    free: int
    held: int
    sold: int
    total: int
    sale_from: datetime | None
    sale_until: datetime | None
    rows: list[SeatRowDocument]


class SeatStates(msgspec.Struct, frozen=True):
    """What the characters of `states` mean."""

    f: str = "free"
    h: str = "held"
    s: str = "sold"


class SeatMapDocument(msgspec.Struct, frozen=True):
    """The seats of an event, the best rows of a section first, and the state of each."""

    event_id: str
    currency: str
    states: SeatStates
    sections: list[SeatSectionDocument]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CachedSeatMap:
    """A seat map as it is cached for a moment: the document, and its bytes."""

    published: bool
    document: SeatMapDocument
    plain: bytes
    gzipped: bytes
    tag: str  # ETag: another one when a seat changed, the same for both encodings (so a weak one)


class SeatsMadeDocument(msgspec.Struct, frozen=True):
    """The created sections, each a ticket type, and how many seats they have in all."""

    event_id: str
    ticket_types: list[TicketTypeDocument]
    seats: int


class ReservedItem(msgspec.Struct, frozen=True):
    """Tickets of one type; `price` is for each."""

    ticket_type_id: str
    quantity: int
    price: int


class TicketDocument(msgspec.Struct, frozen=True):
    """A ticket of a confirmed reservation."""

    ticket_id: str
    ticket_type_id: str
    seat_id: str | None
    code: str


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


class PayingDocument(ReservationDocument, frozen=True):
    """A reservation whose payment has no outcome yet, and where its buyer goes on.

    At `continue_url`, a page of the gateway's; or on the shop's own page with the gateway's script, which
    takes the `client_secret`. Both are empty while only the gateway is asked.
    """

    continue_url: str
    client_secret: str


def ticket_type_document(it: TicketType) -> TicketTypeDocument:
    """A ticket type."""
    free = it.total - it.held - it.sold
    counts = (free, it.held, it.sold, it.total)
    return TicketTypeDocument(
        it.ticket_type_id, it.name, it.price, *counts, _utc(it.sale_from), _utc(it.sale_until)
    )


def _utc(at: datetime | None) -> datetime | None:
    return in_zone(at) if at else None


def event_document(event: Event, ticket_types: list[TicketType]) -> EventDocument:
    """An event."""
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
        ticket_types=[ticket_type_document(it) for it in ticket_types],
        seated=any(it.seated for it in ticket_types),
        published=event.published,
    )


def reservation_document(it: Reservation) -> ReservationDocument:
    """A reservation."""
    return ReservationDocument(
        it.reservation_id,
        it.event_id,
        it.visitor_id,
        it.status,
        [_item(item) for item in it.items],
        [seat for item in it.items for seat in item.seat_ids or ()],
        it.amount,
        it.currency,
        from_ms(it.created_at_ms),
        from_ms(it.expires_at_ms),
        from_ms(it.confirmed_at_ms),
        [TicketDocument(**ticket) for ticket in it.tickets],
        it.extendable,
    )


def paying_document(it: Reservation, continue_url: str, client_secret: str) -> PayingDocument:
    """A reservation whose payment is under way."""
    fields = msgspec.structs.asdict(reservation_document(it))
    return PayingDocument(**fields, continue_url=continue_url, client_secret=client_secret)


def seat_map_document(
    event: Event, ticket_types: list[TicketType], rows: Mapping[str, Sequence[SeatRow]]
) -> SeatMapDocument:
    """The seat map; `rows` by ticket type, with live states."""
    sections = [_section(event, it, rows.get(it.ticket_type_id, ())) for it in ticket_types if it.seated]
    now = datetime.now(UTC).replace(microsecond=0)
    return SeatMapDocument(event.event_id, event.currency, SeatStates(), sections, now)


def _section(event: Event, it: TicketType, rows: Sequence[SeatRow]) -> SeatSectionDocument:
    free, held, sold = (sum(row.states.count(state) for row in rows) for state in (FREE, HELD, SOLD))
    return SeatSectionDocument(
        ticket_type_id=it.ticket_type_id,
        name=it.name,
        price=it.price,
        seat_id=f"{it.ticket_type_id}-{{row}}-{{number}}",
        free=free,
        held=held,
        sold=sold,
        total=it.total,
        sale_from=_utc(it.sale_from),
        sale_until=_utc(sold_until(event, it.sale_until)),
        rows=[SeatRowDocument(*row) for row in rows],
    )


def _item(item: Item) -> ReservedItem:
    return ReservedItem(item.ticket_type_id, item.quantity, item.price)
