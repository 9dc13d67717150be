"""Request bodies that create or change events, ticket types and accounts.

A definition is an event as `fairgate event import` reads it from a file: the body of `POST /v1/events` plus
its ticket types.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from app.core.formats import CURRENCY, GATEWAY, LABEL, NAME, ROW, TEXT, ZONE, At, Email, Name, SeatId, Slug
from app.core.model import RoomSettings, Struct

Words = Annotated[str, Meta(max_length=200, pattern=NAME)]  # like Name, but may be empty
Currency = Annotated[str, Meta(pattern=CURRENCY)]
Zone = Annotated[str, Meta(max_length=64, pattern=ZONE)]  # `zones.check_zone` knows the valid ones
MaxTickets = Annotated[int, Meta(ge=1, le=100)]
HoldExtend = Annotated[int, Meta(ge=0, le=86_400)]
HoldTtl = Annotated[int, Meta(ge=2, le=86_400)]
Price = Annotated[int, Meta(ge=0, le=1_000_000_000)]  # minor units
RateBp = Annotated[int, Meta(ge=0, le=10_000)]  # hundredths of a percent
Gateways = Annotated[list[Annotated[str, Meta(pattern=GATEWAY)]], Meta(max_length=8)]
Seller = Annotated[str, Meta(max_length=500, pattern=TEXT)]
RowName = Annotated[str, Meta(pattern=ROW)]
Numbering = Literal["left", "right", "odd", "even", "outwards"]  # outwards: odd left, even right
# a companion seat is sold only with the accessible one beside it
SeatKind = Literal["", "accessible", "companion"]
KeptAs = Literal["blocked", "house"]  # not on sale, or kept for the house
Quantity = Annotated[int, Meta(ge=0, le=10_000_000)]
Password = Annotated[str, Meta(min_length=10, max_length=200, pattern=NAME)]

SEATS_MAX = 50_000  # created by one call
SEATS_OF_EVENT_MAX = 200_000
SEATS_BLOCKED_MAX = 2_000  # blocked or released by one call; Redis handles them in one step
ROWS_MAX = 5_000  # per section
ROW_SEATS_MAX = 1_000  # per row, gaps included
Block = Annotated[list[Annotated[int, Meta(ge=1, le=ROW_SEATS_MAX)]], Meta(min_length=1, max_length=50)]
TICKET_TYPES_MAX = 100  # per event; deciding scripts check each of them


class NewRoomOfEvent(RoomSettings, frozen=True, kw_only=True):
    """The room of a new event: any settings; its name defaults to the event's."""

    name: Name = ""
    room_id: Slug | None = None  # None: the event_id


class RoomDefinition(RoomSettings, frozen=True, kw_only=True):
    """A room as `fairgate room export` writes it to a file: all its settings, no secrets."""

    room_id: Slug


class NewTicketType(Struct, frozen=True):
    """A ticket type to be sold."""

    ticket_type_id: Slug
    name: Name
    price: Price
    quantity: Quantity
    sale_from: At | None = None
    sale_until: At | None = None
    hidden: bool = False  # shown and sold only to buyers with a code that opens it
    tax_rate_bp: RateBp = 0  # of the tax included in the price


class NewSection(Struct, frozen=True):
    """A section with a number of rows, a, b, c ... z, aa, ab ..., each with the seats 1 to `seats_per_row`.

    `blocks` instead: for each row, from the front, the sizes of its blocks of seats, with aisles between; the
    last entry applies to all rows behind it. `row_names`: the names of all rows, else letters or numbers.
    """

    name: Name
    price: Price
    rows: Annotated[int, Meta(ge=1, le=ROWS_MAX)]
    seats_per_row: Annotated[int, Meta(ge=1, le=ROW_SEATS_MAX)] | None = None
    ticket_type_id: Slug | None = None  # None: derived from the name
    sale_from: At | None = None
    sale_until: At | None = None
    hidden: bool = False
    tax_rate_bp: RateBp = 0
    blocks: Annotated[list[Block], Meta(max_length=ROWS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    row_names: Annotated[list[RowName], Meta(max_length=ROWS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    naming: Literal["letters", "numbers"] = "letters"
    numbering: Numbering = "left"


class NewSeat(Struct, frozen=True):
    """One seat. Consecutive numbers in a row are adjacent seats; `label`: the name shown."""

    section: Name
    row: RowName
    number: Annotated[int, Meta(ge=1, le=99_999)]
    price: Price  # the same throughout the section
    kind: SeatKind = ""
    label: Annotated[str, Meta(pattern=LABEL)] = ""  # "": its number


class NewSeats(Struct, frozen=True):
    """Whole sections or a list of seats, not both. `grow`: existing sections get the new seats."""

    # msgspec copies it
    sections: Annotated[list[NewSection], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012
    seats: Annotated[list[NewSeat], Meta(max_length=SEATS_MAX)] = []  # noqa: RUF012  # msgspec copies it
    grow: bool = False


class NamedSeatIds(Struct, frozen=True):
    """Some of an event's seats."""

    seat_ids: Annotated[list[SeatId], Meta(min_length=1, max_length=SEATS_BLOCKED_MAX)]


class BlockSeats(NamedSeatIds, frozen=True):
    """Seats to take off sale, and the reason."""

    kept_as: KeptAs = "blocked"


class KindOfSeats(NamedSeatIds, frozen=True):
    """The new kind of these seats; "" for neither accessible nor companion."""

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
    # whether the console takes and shows prices with tax; `price` always includes it
    prices_include_tax: bool = True
    fee_per_ticket: Price = 0
    fee_rate_bp: RateBp = 0
    fee_tax_rate_bp: RateBp = 0
    payments: Gateways = []  # noqa: RUF012  # msgspec copies it; none: all that are set up
    seller: Seller = ""
    published: bool = True
    room: NewRoomOfEvent = NewRoomOfEvent()


class EventDefinition(NewEvent, frozen=True, kw_only=True):
    """An event with its ticket types and sections of seats, as in a file."""

    # msgspec copies it
    ticket_types: Annotated[list[NewTicketType], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012
    # msgspec copies it
    sections: Annotated[list[NewSection], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012


class EventPatch(Struct, frozen=True):
    """The changeable fields of an event."""

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
    """The changeable fields of a ticket type."""

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
