"""Frozen documents of the pages: all decisions are made here, and templates only lay them out.

Here is what several subjects share; the queue page has `queue_document`, booking and reservations have
`booking_documents`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core import currencies
from app.core.clock import to_ms
from app.core.identity import Identity
from app.core.model import Event, TicketType
from app.core.payments.sums import NO_FEE, Fee
from app.web.pages.prices import PriceLine, price_lines


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
