"""The result of a reserve call."""

from __future__ import annotations

from typing import NamedTuple

from app.core.model import EventId, Reservation, ReservationId, RoomId, VisitorId
from app.core.reservations.terms import NO_POLICY, HoldTerms, Policy, code_in, items_of


class ReserveResult(NamedTuple):
    """An accepted reserve call. `terms` is None if its outcome was not waited for (`wait=False`)."""

    reservation_id: ReservationId
    event_id: EventId
    room_id: RoomId
    visitor_id: VisitorId
    replayed: bool
    terms: HoldTerms | None = None
    policy: Policy = NO_POLICY

    @property
    def reservation(self) -> Reservation | None:
        """The reservation as first answered; the same for each repeat."""
        if self.terms is None:
            return None
        code, discount = code_in(self.terms.items) or (None, 0)
        return Reservation(
            reservation_id=self.reservation_id,
            event_id=self.event_id,
            room_id=self.room_id,
            visitor_id=self.visitor_id,
            status="held",
            items=list(items_of(self.terms.items)),
            amount=self.terms.amount,
            currency=self.terms.currency,
            created_at_ms=self.terms.created_at_ms,
            expires_at_ms=self.terms.expires_at_ms,
            confirmed_at_ms=0,
            tickets=[],
            extend_s=self.policy.extend_s,
            tax_rates=self.policy.tax_rates,
            code=code,
            discount=discount,
        )
