"""The pages' documents, frozen: everything is decided here, templates only lay it out.

The queue page has its own module, `queue_document.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import segno
from markupsafe import Markup

from app.core import currencies
from app.core.clock import to_ms
from app.core.model import Event, Item, Reservation, TicketType
from app.core.rules import sold_until
from app.core.seating import SeatName, seat_name
from app.payments.gateways import OnOurPages
from app.web.pages.seats import SeatsPart


@dataclass(frozen=True)
class EventHead:
    """The event as every page names it."""

    event_id: str
    room_id: str
    name: str
    artist: str
    venue: str
    starts_at_ms: int
    zone: str  # its times are given in
    currency: str
    max_tickets_per_visitor: int
    sell_after_start: bool = False

    def is_over(self, now_ms: int) -> bool:
        """Whether it has begun, so that nothing more is sold."""
        return not self.sell_after_start and self.starts_at_ms <= now_ms

    @property
    def decimals(self) -> int:
        """Of its currency."""
        return currencies.scale(self.currency)


def event_head(event: Event) -> EventHead:
    """The head of an event's pages."""
    return EventHead(
        event_id=event.event_id,
        room_id=event.room_id,
        name=event.name,
        artist=event.artist,
        venue=event.venue,
        starts_at_ms=to_ms(event.starts_at),
        zone=event.timezone,
        currency=event.currency,
        max_tickets_per_visitor=event.max_tickets_per_visitor,
        sell_after_start=event.sell_after_start,
    )


@dataclass(frozen=True)
class NamedItem:
    """A line of a reservation with the name of its ticket type, and its seats if it has any."""

    name: str
    quantity: int
    price: int
    seats: Sequence[SeatName] = ()


@dataclass(frozen=True)
class ReservationView:
    """A reservation as pages show it."""

    reservation_id: str
    status: str
    items: Sequence[NamedItem]
    amount: int
    currency: str
    expires_at_ms: int
    extendable: bool
    was_paid: bool


def reservation_view(reservation: Reservation, names: Mapping[str, str]) -> ReservationView:
    """The reservation with its ticket types named."""
    return ReservationView(
        reservation_id=reservation.reservation_id,
        status=reservation.status,
        items=[_named(item, names) for item in reservation.items],
        amount=reservation.amount,
        currency=reservation.currency,
        expires_at_ms=reservation.expires_at_ms,
        extendable=reservation.extendable,
        was_paid=reservation.confirmed_at_ms > 0,
    )


def _named(item: Item, names: Mapping[str, str]) -> NamedItem:
    name = names.get(item.ticket_type_id, item.ticket_type_id)
    return NamedItem(name, item.quantity, item.price, [seat_name(it) for it in item.seat_ids or ()])


@dataclass(frozen=True)
class TypeView:
    """A ticket type with what is left of it."""

    ticket_type_id: str
    name: str
    price: int
    free: int
    sold: int
    total: int
    seated: bool
    sale_from_ms: int  # 0: on sale already
    sale_ended: bool
    band: int  # its colour on the seat map


def type_view(event: Event, ticket_type: TicketType, now_ms: int, band: int = 0) -> TypeView:
    """The ticket type with what is left of it, and whether it is on sale."""
    until = sold_until(event, ticket_type.sale_until)
    from_ms, until_ms = to_ms(ticket_type.sale_from), to_ms(until)
    free = ticket_type.total - ticket_type.held - ticket_type.sold
    return TypeView(
        ticket_type.ticket_type_id,
        ticket_type.name,
        ticket_type.price,
        free,
        ticket_type.sold,
        ticket_type.total,
        ticket_type.seated,
        from_ms if from_ms > now_ms and (until is None or until_ms > now_ms) else 0,
        until is not None and until_ms <= now_ms,
        band,
    )


@dataclass(frozen=True)
class EventPage:
    """The booking page; without a running session it points to the queue."""

    event: EventHead
    now_ms: int
    session_expires_at_ms: int
    ticket_types: Sequence[TypeView]
    seats: SeatsPart | None
    reservations: Sequence[ReservationView]
    idempotency_key: str
    problem: str = ""
    seats_taken: Sequence[SeatName] = ()
    chosen: Mapping[str, int] = field(default_factory=dict)
    chosen_seats: Sequence[str] = ()


@dataclass(frozen=True)
class TicketView:
    """A ticket with its code, also as a QR picture (SVG, ours, so it may stand unescaped)."""

    name: str
    seat: SeatName | None
    code: str
    qr: Markup


def ticket_view(names: Mapping[str, str], ticket: Mapping[str, Any]) -> TicketView:
    """A ticket of a confirmed reservation."""
    picture = segno.make(ticket["code"], micro=False).svg_inline(omitsize=True, border=2)
    type_id = ticket["ticket_type_id"]
    seat = seat_name(ticket["seat_id"]) if ticket["seat_id"] else None
    return TicketView(names.get(type_id, type_id), seat, ticket["code"], Markup(picture))


@dataclass(frozen=True)
class ReservationPage:
    """One reservation, from the hold to the tickets."""

    event: EventHead
    reservation: ReservationView
    now_ms: int
    refresh_s: int
    tickets: Sequence[TicketView]
    idempotency_key: str
    problem: str = ""
    chosen: str = "tok_ok"  # the test card, or the token that `paid` takes
    paid: Literal["simulated", "free"] | OnOurPages = ""  # how the hold can be; empty: not here
    continue_url: str = ""  # where the buyer goes on with the payment under way


@dataclass(frozen=True)
class MineView:
    """A reservation on the page of all of one's own."""

    event: EventHead
    reservation: ReservationView


@dataclass(frozen=True)
class MinePage:
    """My reservations: what is going on, and what has ended."""

    now_ms: int
    going: Sequence[MineView]
    ended: Sequence[MineView]


@dataclass(frozen=True)
class SaleView:
    """A line of the front page."""

    room_id: str
    name: str
    state: str
    opens_at_ms: int
    event: EventHead | None


@dataclass(frozen=True)
class SalesPage:
    """The front page."""

    sales: Sequence[SaleView]


@dataclass(frozen=True)
class MailboxView:
    """The address a visitor left; `asked`: a confirmation was sent there, or is about to be."""

    email: str
    confirmed: bool
    asked: bool
    wrong_code: bool = False


@dataclass(frozen=True)
class ErrorPage:
    """A page for what could not be shown; the words for each code are in its template."""

    status: int
    code: str
    back: str
    request_id: str
    retry_after_s: int = 0
