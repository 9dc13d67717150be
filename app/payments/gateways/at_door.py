"""Pay at the door: the buyer gets the tickets at once, and pays at the entrance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.core.errors import ValidationFailed
from app.core.payments.refunds import Refund
from app.payments.gateway import Charge
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.payments.payments import Attempt, Bill


@dataclass(frozen=True, slots=True)
class PaidOutside:
    """Every payment of one `method` succeeds. No money is transferred here, so nothing is recorded or
    refunded."""

    method: str

    def accept(self, attempt: Attempt) -> None:
        """Raise ValidationFailed for another payment method."""
        if attempt.method != self.method:
            raise ValidationFailed("payment.method", f"must be {self.method}")

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Succeed at once."""
        return Charge("succeeded")

    async def look_up(self, payment_id: str) -> Charge | None:
        """As `charge`, even for a payment interrupted before it."""
        return Charge("succeeded")

    async def refund(self, payment_id: str) -> None:
        """Do nothing: payments made on the spot are refunded on the spot."""

    async def refund_part(self, refund: Refund) -> None:
        """As `refund`: the order shows the amount."""

    async def stop(self, payment_id: str) -> None:
        """Do nothing: no payment is ever pending."""


@asynccontextmanager
async def open_at_door(_settings: Settings, _stores: Stores) -> AsyncIterator[PaidOutside]:
    """The gateway of this process; nothing to close."""
    yield PaidOutside("at_door")
