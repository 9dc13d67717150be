"""Pay at the door: the tickets are the buyer's at once, and the money is taken at the entrance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.core.errors import ValidationFailed
from app.core.refunds import Refund
from app.payments.gateway import Charge
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.payments import Attempt, Bill


@dataclass(frozen=True, slots=True)
class PaidOutside:
    """Every payment of one `method` succeeds. No money moves here: nothing to keep or refund."""

    method: str

    def accept(self, attempt: Attempt) -> None:
        """Raise ValidationFailed for another way to pay."""
        if attempt.method != self.method:
            raise ValidationFailed("payment.method", f"must be {self.method}")

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Done."""
        return Charge("succeeded")

    async def look_up(self, payment_id: str) -> Charge | None:
        """As `charge`: also for one that was cut off before it."""
        return Charge("succeeded")

    async def refund(self, payment_id: str) -> None:
        """What was paid on the spot is given back on the spot."""

    async def refund_part(self, refund: Refund) -> None:
        """As `refund`: the order says how much."""

    async def stop(self, payment_id: str) -> None:
        """Nothing to do: it waits for nobody."""


@asynccontextmanager
async def open_at_door(_settings: Settings, _stores: Stores) -> AsyncIterator[PaidOutside]:
    """The gateway of this process; nothing to close."""
    yield PaidOutside("at_door")
