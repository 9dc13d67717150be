"""Frozen documents of the booking page, of a reservation, and of one's own reservations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.core.catalogue.codes import CodeSet, is_for, reduced_price
from app.core.catalogue.seating import SeatName, seat_name
from app.core.clock import to_ms
from app.core.model import Event, Item, Reservation, TicketType
from app.core.payments.sums import Sums, sums_of
from app.core.waiting_room.rules import sold_until
from app.payments.gateways import OnOurPages
from app.web.pages.documents import EventHead
from app.web.pages.sale.seats import SeatsPart
from app.web.pages.sale.ticket_views import BuyerPart, TicketView


@dataclass(frozen=True)
class NamedItem:
    """A line of a reservation, with the name of its ticket type and its seats."""

    name: str
    quantity: int
    price: int
    seats: Sequence[SeatName] = ()


@dataclass(frozen=True)
class ReservationView:
    """A reservation as shown on pages."""

    reservation_id: str
    status: str
    items: Sequence[NamedItem]
    amount: int
    currency: str
    expires_at_ms: int
    extendable: bool
    was_paid: bool
    cancelled: Sequence[NamedItem]  # tickets that went back on sale
    refunded: int
    sums: Sums  # what the amount consists of


def reservation_view(reservation: Reservation, names: Mapping[str, str]) -> ReservationView:
    """Build the view of a reservation, with its ticket types named."""
    return ReservationView(
        reservation_id=reservation.reservation_id,
        status=reservation.status,
        items=[_named(item, names) for item in reservation.items],
        amount=reservation.amount,
        currency=reservation.currency,
        expires_at_ms=reservation.expires_at_ms,
        extendable=reservation.extendable,
        cancelled=[_named(item, names) for item in reservation.cancelled_items],
        refunded=reservation.refunded,
        sums=sums_of(reservation),
        was_paid=reservation.confirmed_at_ms > 0,
    )


def _named(item: Item, names: Mapping[str, str]) -> NamedItem:
    name = names.get(item.ticket_type_id, item.ticket_type_id)
    return NamedItem(name, item.quantity, item.price, [seat_name(it) for it in item.seat_ids or ()])


@dataclass(frozen=True)
class TypeView:
    """A ticket type with its free tickets."""

    ticket_type_id: str
    name: str
    price: int
    free: int
    sold: int
    total: int
    seated: bool
    sale_from_ms: int  # 0: already on sale
    sale_ended: bool
    band: int  # index of its colour on the seat map
    price_was: int = 0  # price without the code; 0 if it is the same
    coded: bool = False  # whether the code applies to it
    hidden: bool = False  # whether only a code shows it; its seats are not on the map


def type_view(
    event: Event, ticket_type: TicketType, now_ms: int, band: int = 0, code: CodeSet | None = None
) -> TypeView:
    """Build the view of a ticket type: what is left, whether it is on sale, and its price with a code."""
    was = ticket_type.price
    price = reduced_price(code, ticket_type.ticket_type_id, was) if code else was
    until = sold_until(event, ticket_type.sale_until)
    from_ms, until_ms = to_ms(ticket_type.sale_from), to_ms(until)
    free = ticket_type.total - ticket_type.held - ticket_type.sold
    return TypeView(
        ticket_type.ticket_type_id,
        ticket_type.name,
        price,
        free,
        ticket_type.sold,
        ticket_type.total,
        ticket_type.seated,
        from_ms if from_ms > now_ms and (until is None or until_ms > now_ms) else 0,
        until is not None and until_ms <= now_ms,
        band,
        was if price != was else 0,
        code is not None and is_for(code, ticket_type.ticket_type_id),
        ticket_type.hidden,
    )


@dataclass(frozen=True)
class CodeView:
    """A visitor's code with its discount, or why it is refused (`app/core/catalogue/codes.py`, `Reason`)."""

    code: str
    refused: str = ""
    percent: int = 0
    off_ticket: int = 0
    off_order: int = 0


@dataclass(frozen=True)
class EventPage:
    """The booking page; without a session it points to the queue."""

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
    takes_codes: bool = False
    code: CodeView | None = None


@dataclass(frozen=True)
class ReservationPage:
    """One reservation, from hold to tickets; `bought`: this browser may cancel it and give tickets away."""

    event: EventHead
    reservation: ReservationView
    now_ms: int
    refresh_s: int
    tickets: Sequence[TicketView]
    idempotency_key: str
    problem: str = ""
    chosen: str = "tok_ok"  # the chosen test card, or the token that `paid` accepts
    paid: Literal["simulated", "free", "choice"] | OnOurPages = ""  # how to pay here; "": not here
    ways: Sequence[tuple[OnOurPages, str]] = ()  # for a `choice`: methods, each with its token
    continue_url: str = ""  # where the buyer continues the pending payment
    buyer: BuyerPart | None = None  # while it can be paid, if buyers are asked anything
    bought: bool = True
    wallet: bool = False  # whether its tickets can be added to a wallet app


@dataclass(frozen=True)
class MineView:
    """A reservation on the page of one's own reservations."""

    event: EventHead
    reservation: ReservationView


@dataclass(frozen=True)
class MinePage:
    """My reservations: current and past ones."""

    now_ms: int
    going: Sequence[MineView]
    ended: Sequence[MineView]
