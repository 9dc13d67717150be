"""A simulated gateway: the token decides its answer, and no money is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.core.clock import now_ms
from app.core.errors import ValidationFailed
from app.core.payments.refunds import Refund
from app.payments.gateway import Charge, GatewayFailed, Refused
from app.settings import Settings
from app.store.connections import Postgres, Stores
from app.store.sql.payments import simulated_charges
from app.store.sql.payments.payments import Attempt, Bill

SLOW_MS = 5_000  # tok_slow
LATE_MS = 1_000  # tok_late: this long after the hold has expired


class SimulatedGateway:
    """A gateway whose answer depends on the token; its books are in Postgres."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def accept(self, attempt: Attempt) -> None:
        """Raise ValidationFailed for an unknown test token."""
        if attempt.token not in ("tok_ok", "tok_declined", "tok_slow", "tok_error", "tok_late"):
            raise ValidationFailed("payment.token", "is not known to the payment gateway")

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Book the charge; tok_error fails before it reaches the books."""
        if attempt.token == "tok_error":
            raise GatewayFailed("tok_error")
        settles_at_ms = 0
        if attempt.token == "tok_slow":
            settles_at_ms = now_ms() + SLOW_MS
        elif attempt.token == "tok_late":
            settles_at_ms = bill.expires_at_ms + LATE_MS
        approved = attempt.token != "tok_declined"
        booked = await simulated_charges.book(
            self._postgres, attempt.payment_id, bill.amount, approved, settles_at_ms
        )
        if booked is not None:
            return _charge(booked)
        before = await self.look_up(attempt.payment_id)
        assert before is not None
        return before

    async def look_up(self, payment_id: str) -> Charge | None:
        """The charge in the gateway's books."""
        booked = await simulated_charges.look_up(self._postgres, payment_id)
        return _charge(booked) if booked is not None else None

    async def refund(self, payment_id: str) -> None:
        """Record the refund in the gateway's books."""
        await simulated_charges.refund(self._postgres, payment_id)

    async def refund_part(self, refund: Refund) -> None:
        """Record it in the gateway's books, up to the amount charged."""
        if not await simulated_charges.refund_part(self._postgres, refund):
            raise Refused("that is more than was charged")

    async def stop(self, payment_id: str) -> None:
        """Do nothing: its payments never wait for the buyer."""


def _charge(booked: simulated_charges.BookedCharge) -> Charge:
    if not booked.approved or booked.refunded:
        return Charge("declined")
    return Charge("succeeded", booked.settles_at_ms) if booked.settled else Charge("pending")


@asynccontextmanager
async def open_simulated(_settings: Settings, stores: Stores) -> AsyncIterator[SimulatedGateway]:
    """The gateway of this process; nothing to close."""
    yield SimulatedGateway(stores.postgres)
