"""What is sent to put something on sale (events, ticket types, and the patches of both), and for an account.

A definition is an event as `fairgate event import` reads it from a file: what `POST /v1/events` takes, with
the ticket types in it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from app.core.formats import CURRENCY, GATEWAY, LABEL, NAME, ROW, TEXT, ZONE, At, Email, Name, SeatId, Slug
from app.core.model import RoomSettings, Struct

Words = Annotated[str, Meta(max_length=200, pattern=NAME)]  # like Name, but may be empty
Currency = Annotated[str, Meta(pattern=CURRENCY)]
Zone = Annotated[str, Meta(max_length=64, pattern=ZONE)]  # `zones.check_zone` knows which there are
MaxTickets = Annotated[int, Meta(ge=1, le=100)]
HoldExtend = Annotated[int, Meta(ge=0, le=86_400)]
HoldTtl = Annotated[int, Meta(ge=2, le=86_400)]
Price = Annotated[int, Meta(ge=0, le=1_000_000_000)]  # minor units
RateBp = Annotated[int, Meta(ge=0, le=10_000)]  # hundredths of a percent
Gateways = Annotated[list[Annotated[str, Meta(pattern=GATEWAY)]], Meta(max_length=8)]
Seller = Annotated[str, Meta(max_length=500, pattern=TEXT)]
RowName = Annotated[str, Meta(pattern=ROW)]
Numbering = Literal["left", "right", "odd", "even", "outwards"]  # outwards: odd left, even right
SeatKind = Literal["", "accessible", "companion"]  # a companion seat is sold with the accessible one beside
KeptAs = Literal["blocked", "house"]  # not on sale, or kept for the house
Quantity = Annotated[int, Meta(ge=0, le=10_000_000)]
Password = Annotated[str, Meta(min_length=10, max_length=200, pattern=NAME)]

SEATS_MAX = 50_000  # made by one call
SEATS_OF_EVENT_MAX = 200_000
SEATS_BLOCKED_MAX = 2_000  # blocked or released by one call; Redis decides them in one step
ROWS_MAX = 5_000  # of one section
ROW_SEATS_MAX = 1_000  # of one row, gaps included
Block = Annotated[list[Annotated[int, Meta(ge=1, le=ROW_SEATS_MAX)]], Meta(min_length=1, max_length=50)]
TICKET_TYPES_MAX = 100  # of one event; scripts that decide check each


class NewRoomOfEvent(RoomSettings, frozen=True, kw_only=True):
    """The room of a new event: any settings; without a name it takes the event's."""

    name: Name = ""
    room_id: Slug | None = None  # None: the event_id


class RoomDefinition(RoomSettings, frozen=True, kw_only=True):
    """A room as `fairgate room export` writes it to a file: all its settings, and nothing secret."""

    room_id: Slug


class NewTicketType(Struct, frozen=True):
    """A ticket type to be sold."""

    ticket_type_id: Slug
    name: Name
    price: Price
    quantity: Quantity
    sale_from: At | None = None
    sale_until: At | None = None
    hidden: bool = False  # shown and sold to those alone whose code opens it
    tax_rate_bp: RateBp = 0  # of the tax in the price


class NewSection(Struct, frozen=True):
    """A section of so many rows, a, b, c ... z, aa, ab ..., each with the seats 1 to `seats_per_row`.

    `blocks` instead: of each row, from the front on, how many seats stand together, with aisles between; the
    last one goes on for the others. `row_names`: what all rows are called, else letters or numbers.
    """

    name: Name
    price: Price
    rows: Annotated[int, Meta(ge=1, le=ROWS_MAX)]
    seats_per_row: Annotated[int, Meta(ge=1, le=ROW_SEATS_MAX)] | None = None
    ticket_type_id: Slug | None = None  # None: made of the name
    sale_from: At | None = None
    sale_until: At | None = None
    hidden: bool = False
    tax_rate_bp: RateBp = 0
    blocks: Annotated[list[Block], Meta(max_length=ROWS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    row_names: Annotated[list[RowName], Meta(max_length=ROWS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    naming: Literal["letters", "numbers"] = "letters"
    numbering: Numbering = "left"


class NewSeat(Struct, frozen=True):
    """One seat. Seats of a row are next to each other when their numbers are; `label`: what it is called."""

    section: Name
    row: RowName
    number: Annotated[int, Meta(ge=1, le=99_999)]
    price: Price  # the same in the whole section
    kind: SeatKind = ""
    label: Annotated[str, Meta(pattern=LABEL)] = ""  # "": its number


class NewSeats(Struct, frozen=True):
    """Whole sections, or a list of seats; not both. `grow`: sections that are there get the new seats."""

    sections: Annotated[list[NewSection], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012  # msgspec copies it
    seats: Annotated[list[NewSeat], Meta(max_length=SEATS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    grow: bool = False


class NamedSeatIds(Struct, frozen=True):
    """Some seats of an event."""

    seat_ids: Annotated[list[SeatId], Meta(min_length=1, max_length=SEATS_BLOCKED_MAX)]


class BlockSeats(NamedSeatIds, frozen=True):
    """Seats to take off sale, and what for."""

    kept_as: KeptAs = "blocked"


class KindOfSeats(NamedSeatIds, frozen=True):
    """What these seats are from now on; "" for neither accessible nor companion seats."""

    kind: SeatKind


class NewEvent(Struct, frozen=True):
    """An event to be put on sale."""

    event_id: Slug
    name: Name
    starts_at: At
    venue: Words = ""
    artist: Words = ""
    currency: Currency = "EUR"
    max_tickets_per_visitor: MaxTickets = 10
    hold_ttl_s: HoldTtl = 300
    hold_extend_s: HoldExtend = 0
    timezone: Zone = "UTC"
    sell_after_start: bool = False
    prices_include_tax: bool = True  # as the console takes and shows them; `price` always does
    fee_per_ticket: Price = 0
    fee_rate_bp: RateBp = 0
    fee_tax_rate_bp: RateBp = 0
    payments: Gateways = []  # noqa: RUF012  # msgspec copies it; none: all that are set up
    seller: Seller = ""
    published: bool = True
    room: NewRoomOfEvent = NewRoomOfEvent()


class EventDefinition(NewEvent, frozen=True, kw_only=True):
    """An event with its ticket types and sections of seats, as a file holds it."""

    ticket_types: Annotated[list[NewTicketType], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012  # msgspec copies it
    sections: Annotated[list[NewSection], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012  # msgspec copies it


class EventPatch(Struct, frozen=True):
    """What can be changed of an event."""

    name: Name | UnsetType = UNSET
    starts_at: At | UnsetType = UNSET
    venue: Words | UnsetType = UNSET
    artist: Words | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    max_tickets_per_visitor: MaxTickets | UnsetType = UNSET
    hold_ttl_s: HoldTtl | UnsetType = UNSET
    hold_extend_s: HoldExtend | UnsetType = UNSET
    timezone: Zone | UnsetType = UNSET
    sell_after_start: bool | UnsetType = UNSET
    prices_include_tax: bool | UnsetType = UNSET
    fee_per_ticket: Price | UnsetType = UNSET
    fee_rate_bp: RateBp | UnsetType = UNSET
    fee_tax_rate_bp: RateBp | UnsetType = UNSET
    payments: Gateways | UnsetType = UNSET
    seller: Seller | UnsetType = UNSET
    published: bool | UnsetType = UNSET


class TicketTypePatch(Struct, frozen=True):
    """What can be changed of a ticket type."""

    name: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    sale_from: At | UnsetType | None = UNSET
    sale_until: At | UnsetType | None = UNSET
    hidden: bool | UnsetType = UNSET
    tax_rate_bp: RateBp | UnsetType = UNSET


class NewAccount(Struct, frozen=True):
    """A registration. The password appears in no log and no response."""

    email: Email
    name: Name
    password: Password
