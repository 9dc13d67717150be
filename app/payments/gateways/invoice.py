"""Pay by invoice: the tickets are the buyer's at once, and the organiser sends a bill for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.core.errors import ValidationFailed
from app.payments.gateway import Charge
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.payments import Attempt, Bill


class Invoice:
    """Every payment succeeds: no money moves here, so there is nothing to keep and nothing to refund."""

    def accept(self, attempt: Attempt) -> None:
        """Raise ValidationFailed for another way to pay."""
        if attempt.method != "invoice":
            raise ValidationFailed("payment.method", "must be invoice")

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Done."""
        return Charge("succeeded")

    async def look_up(self, payment_id: str) -> Charge | None:
        """As `charge`: also for one that was cut off before it."""
        return Charge("succeeded")

    async def refund(self, payment_id: str) -> None:
        """What was paid on the spot is given back on the spot."""

    async def stop(self, payment_id: str) -> None:
        """Nothing to do: it waits for nobody."""


@asynccontextmanager
async def open_invoice(_settings: Settings, _stores: Stores) -> AsyncIterator[Invoice]:
    """The gateway of this process; nothing to close."""
    yield Invoice()
