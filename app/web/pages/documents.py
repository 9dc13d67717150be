"""Frozen documents of the pages: all decisions are made here, and templates only lay them out.

The queue page has its own module, `queue_document.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.core import currencies
from app.core.catalogue.codes import CodeSet, is_for, reduced_price
from app.core.catalogue.seating import SeatName, seat_name
from app.core.clock import to_ms
from app.core.identity import Identity
from app.core.model import Event, Item, Reservation, TicketType
from app.core.payments.sums import NO_FEE, Fee, Sums, sums_of
from app.core.waiting_room.rules import sold_until
from app.payments.gateways import OnOurPages
from app.web.pages.prices import PriceLine, price_lines
from app.web.pages.seats import SeatsPart
from app.web.pages.ticket_views import BuyerPart, TicketView


@dataclass(frozen=True)
class EventHead:
    """The event in the heading of every page."""

    event_id: str
    room_id: str
    name: str
    artist: str
    venue: str
    starts_at_ms: int
    zone: str  # of its times
    currency: str
    max_tickets_per_visitor: int
    sell_after_start: bool = False
    prices: tuple[PriceLine, ...] = ()  # on the queue page
    cancelled: bool = False
    moved_from_ms: int = 0  # original start, if it was moved, else 0
    refund_until_ms: int = 0  # until when buyers can cancel for a refund; 0: always
    notice: str = ""  # the organiser's message about it
    fee: Fee = NO_FEE  # booking fee, on top of the prices
    taxed: bool = False  # whether the shown prices include tax

    def is_over(self, now_ms: int) -> bool:
        """Whether it has begun, which ends sales."""
        return not self.sell_after_start and self.starts_at_ms <= now_ms

    @property
    def decimals(self) -> int:
        """Decimals of its currency."""
        return currencies.scale(self.currency)


def event_head(event: Event, ticket_types: Sequence[TicketType] = ()) -> EventHead:
    """Build the heading of an event's pages, with prices if ticket types are given."""
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
        cancelled=event.cancelled_at is not None,
        moved_from_ms=to_ms(event.moved_from),
        refund_until_ms=to_ms(event.refund_until),
        notice=event.notice,
        prices=price_lines(ticket_types),
        fee=Fee(event.fee_per_ticket, event.fee_rate_bp),
        taxed=any(it.tax_rate_bp for it in ticket_types),
    )


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


@dataclass(frozen=True)
class SaleView:
    """A row of the front page."""

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
    """The address that a visitor left; `confirmation_sent`: it was, or soon will be."""

    email: str
    confirmed: bool
    confirmation_sent: bool
    wrong_code: bool = False
    elsewhere: bool = False  # whether its place stays in another browser


@dataclass(frozen=True)
class IdentityView:
    """How newcomers have to identify themselves, and whether they have; `slower`: they may join a slower lane
    without it."""

    needed: Identity
    identified: bool
    slower: bool
    before_ms: int = 0  # accounts must have been created before then; 0: no limit
    problem: str = ""  # a problem with a passkey: failed, elsewhere, late


@dataclass(frozen=True)
class ErrorPage:
    """An error page; the template has the text for each code."""

    status: int
    code: str
    back: str
    request_id: str
    retry_after_s: int = 0
