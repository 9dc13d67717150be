"""The body of a reserve call: counted tickets, particular seats, or the best available ones."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from app.core.errors import ValidationFailed
from app.core.formats import Code, SeatId, Slug
from app.core.model import Item, Struct, TicketTypeId
from app.core.reservations.requested_tickets import BestAvailable, NamedSeats, RequestedTickets, Together

_ONE_OF = "items, one of seat_ids and best_available, or both"


class ReserveItem(Struct, frozen=True):
    """Tickets of one type."""

    ticket_type_id: Slug
    quantity: Annotated[int, Meta(ge=1, le=100)]


class ReserveBody(Struct, frozen=True):
    """Which tickets to hold, all or none: counted ones, particular seats, or the best available ones."""

    items: Annotated[list[ReserveItem], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    seat_ids: Annotated[list[SeatId], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    best_available: ReserveItem | UnsetType = UNSET
    code: Code | UnsetType = UNSET  # an access or discount code

    def tickets(self) -> RequestedTickets:
        """The requested tickets. Raises ValidationFailed for none, or for seats chosen in two ways at
        once."""
        if not (self.items or self.seat_ids or self.best_available):
            raise ValidationFailed("items", f"is missing; send {_ONE_OF}")
        if self.seat_ids and self.best_available:
            raise ValidationFailed("best_available", f"is one too many; send {_ONE_OF}")
        counted = [
            Item(ticket_type_id=TicketTypeId(it.ticket_type_id), quantity=it.quantity)
            for it in self.items or ()
        ]
        seats = self._seats()
        if seats is None:
            return counted
        return Together(items=counted, seats=seats) if counted else seats

    def _seats(self) -> NamedSeats | BestAvailable | None:
        if self.seat_ids:
            return NamedSeats(seat_ids=self.seat_ids)
        if best := self.best_available:
            return BestAvailable(ticket_type_id=TicketTypeId(best.ticket_type_id), quantity=best.quantity)
        return None
