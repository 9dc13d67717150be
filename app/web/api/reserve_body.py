"""What a reserve call takes: counted tickets, named seats, or the best seats there are."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from app.core.errors import ValidationFailed
from app.core.formats import SeatId, Slug
from app.core.model import BestAvailable, Item, NamedSeats, Struct, TicketTypeId, Wanted

_ONE_OF = "items, seat_ids and best_available"


class ReserveItem(Struct, frozen=True):
    """Tickets of one type."""

    ticket_type_id: Slug
    quantity: Annotated[int, Meta(ge=1, le=100)]


class ReserveBody(Struct, frozen=True):
    """Which tickets to hold, all of them or none: counted ones, these seats, or the best seats there are."""

    items: Annotated[list[ReserveItem], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    seat_ids: Annotated[list[SeatId], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    best_available: ReserveItem | UnsetType = UNSET

    def wanted(self) -> Wanted:
        """What is asked for. Raises ValidationFailed unless it is exactly one thing."""
        sent = [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]
        if len(sent) != 1:
            text = "is one too many" if sent else "is missing"
            raise ValidationFailed(sent[1] if sent else "items", f"{text}; send one of {_ONE_OF}")
        if self.seat_ids:
            return NamedSeats(seat_ids=self.seat_ids)
        if self.best_available:
            best = self.best_available
            return BestAvailable(ticket_type_id=TicketTypeId(best.ticket_type_id), quantity=best.quantity)
        return [
            Item(ticket_type_id=TicketTypeId(it.ticket_type_id), quantity=it.quantity)
            for it in self.items or ()
        ]
