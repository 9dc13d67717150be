"""What a reservation requests."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import Item, Struct, TicketTypeId


class NamedSeats(Struct, frozen=True):
    """Particular seats, by their ids."""

    seat_ids: list[str]


class BestAvailable(Struct, frozen=True):
    """The best free seats of one type, together if that many are left together."""

    ticket_type_id: TicketTypeId
    quantity: int


class Together(Struct, frozen=True):
    """Counted tickets and seats in one order."""

    items: Sequence[Item]
    seats: NamedSeats | BestAvailable


RequestedTickets = Sequence[Item] | NamedSeats | BestAvailable | Together  # what a reservation requests
