"""What is sent to put something on sale (events, ticket types, and the patches of both), and for an account.

A definition is an event as `fairgate event import` reads it from a file: what `POST /v1/events` takes, with
the ticket types in it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from app.core.formats import CURRENCY, NAME, ROW, ZONE, At, Email, Name, Slug
from app.core.model import RoomSettings, Struct

Words = Annotated[str, Meta(max_length=200, pattern=NAME)]  # like Name, but may be empty
Currency = Annotated[str, Meta(pattern=CURRENCY)]
Zone = Annotated[str, Meta(max_length=64, pattern=ZONE)]  # `zones.check_zone` knows which there are
MaxTickets = Annotated[int, Meta(ge=1, le=100)]
HoldExtend = Annotated[int, Meta(ge=0, le=86_400)]
HoldTtl = Annotated[int, Meta(ge=2, le=86_400)]
Price = Annotated[int, Meta(ge=0, le=1_000_000_000)]  # minor units
Quantity = Annotated[int, Meta(ge=0, le=10_000_000)]
Password = Annotated[str, Meta(min_length=10, max_length=200, pattern=NAME)]

SEATS_MAX = 50_000  # made by one call
SEATS_OF_EVENT_MAX = 200_000
ROWS_MAX = 5_000  # of one section
ROW_SEATS_MAX = 1_000  # of one row, gaps included
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


class NewSection(Struct, frozen=True):
    """A section of so many rows, a, b, c ... z, aa, ab ..., each with the seats 1 to `seats_per_row`."""

    name: Name
    price: Price
    rows: Annotated[int, Meta(ge=1, le=ROWS_MAX)]
    seats_per_row: Annotated[int, Meta(ge=1, le=ROW_SEATS_MAX)]
    ticket_type_id: Slug | None = None  # None: made of the name
    sale_from: At | None = None
    sale_until: At | None = None


class NewSeat(Struct, frozen=True):
    """One seat. Seats of a row are next to each other when their numbers are."""

    section: Name
    row: Annotated[str, Meta(pattern=ROW)]
    number: Annotated[int, Meta(ge=1, le=99_999)]
    price: Price  # the same in the whole section


class NewSeats(Struct, frozen=True):
    """Whole sections, or a list of seats; not both."""

    sections: Annotated[list[NewSection], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012  # msgspec copies it
    seats: Annotated[list[NewSeat], Meta(max_length=SEATS_MAX)] = []  # noqa: RUF012  # msgspec copies it


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
    published: bool | UnsetType = UNSET


class TicketTypePatch(Struct, frozen=True):
    """What can be changed of a ticket type."""

    name: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    sale_from: At | UnsetType | None = UNSET
    sale_until: At | UnsetType | None = UNSET


class NewAccount(Struct, frozen=True):
    """A registration. The password appears in no log and no response."""

    email: Email
    name: Name
    password: Password
