"""What is sent to put something on sale (events, ticket types, and the patches of both), and for an account.

A definition is an event as `fairgate event import` reads it from a file: what `POST /v1/events` takes, with
the ticket types in it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from app.core.model import CURRENCY, NAME, At, Email, Name, RoomSettings, Slug, Struct

Words = Annotated[str, Meta(max_length=200, pattern=NAME)]  # like Name, but may be empty
Currency = Annotated[str, Meta(pattern=CURRENCY)]
MaxTickets = Annotated[int, Meta(ge=1, le=100)]
HoldTtl = Annotated[int, Meta(ge=2, le=86_400)]
Price = Annotated[int, Meta(ge=0, le=1_000_000_000)]  # minor units
Quantity = Annotated[int, Meta(ge=0, le=10_000_000)]
Password = Annotated[str, Meta(min_length=8, max_length=200, pattern=NAME)]

TICKET_TYPES_MAX = 100  # of one event; each is looked at in the scripts that decide


class NewRoomOfEvent(RoomSettings, frozen=True, kw_only=True):
    """The room of a new event: any settings; without a name it takes the event's."""

    name: Name = ""
    room_id: Slug | None = None  # None: the event_id


class NewTicketType(Struct, frozen=True):
    """A ticket type to be sold."""

    ticket_type_id: Slug
    name: Name
    price: Price
    quantity: Quantity


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
    published: bool = True
    room: NewRoomOfEvent = NewRoomOfEvent()


class EventDefinition(NewEvent, frozen=True, kw_only=True):
    """An event with its ticket types, as a file holds it."""

    ticket_types: Annotated[list[NewTicketType], Meta(max_length=TICKET_TYPES_MAX)] = []  # noqa: RUF012


class EventPatch(Struct, frozen=True):
    """What can be changed of an event."""

    name: Name | UnsetType = UNSET
    starts_at: At | UnsetType = UNSET
    venue: Words | UnsetType = UNSET
    artist: Words | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    max_tickets_per_visitor: MaxTickets | UnsetType = UNSET
    hold_ttl_s: HoldTtl | UnsetType = UNSET
    published: bool | UnsetType = UNSET


class TicketTypePatch(Struct, frozen=True):
    """What can be changed of a ticket type."""

    name: Name | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET


class NewAccount(Struct, frozen=True):
    """Who wants an account. The password stands in no log and in no answer."""

    email: Email
    name: Name
    password: Password
