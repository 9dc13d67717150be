"""What we need of a payment gateway, and a simulated one to sell with before there is a contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import asyncpg
from purgatory import AsyncCircuitBreakerFactory, ContextChanged, Event
from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, OpenedState

from app import metrics
from app.core.clock import now_ms
from app.core.errors import ValidationFailed
from app.store.sql import simulated_charges
from app.store.sql.payments import Attempt, Bill

SLOW_MS = 5_000  # tok_slow
LATE_MS = 1_000  # tok_late: so long after the hold has ended
ANSWER_TIMEOUT_S = 3.0  # one answer of the gateway
FAILURES_MAX = 20  # in a row: then it is left alone for a while
LEFT_ALONE_S = 5.0  # then the next call tries whether it is back

T = TypeVar("T")


class GatewayFailed(Exception):
    """The gateway did not answer; whether it charged is not known."""


class GatewayNotAsked(GatewayFailed):
    """The gateway has failed too often, so it was not asked: this call charged nothing."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What the gateway says of a payment; `settled_at_ms` is when it succeeded."""

    status: Literal["pending", "succeeded", "declined"]
    settled_at_ms: int = 0


class Gateway(Protocol):
    """What every gateway must do. `payment_id` is its idempotency key: nothing is charged twice.

    It answers within a few seconds, or raises GatewayFailed.
    """

    def accept(self, method: str, token: str) -> None:
        """Raise ValidationFailed for a payment this gateway cannot even be asked for."""

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Charge the payment. Raises GatewayFailed."""

    async def look_up(self, payment_id: str) -> Charge | None:
        """The charge, or None if it never arrived. Raises GatewayFailed."""

    async def refund(self, payment_id: str) -> None:
        """Refund the charge, or make sure that nothing will be charged. Raises GatewayFailed."""


class SimulatedGateway:
    """A gateway that answers by the token, and keeps its books in Postgres so that it remembers."""

    def __init__(self, postgres: asyncpg.Pool) -> None:
        self._postgres = postgres

    def accept(self, method: str, token: str) -> None:
        """Raise ValidationFailed for an unknown test token."""
        if token not in ("tok_ok", "tok_declined", "tok_slow", "tok_error", "tok_late"):
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


def _charge(booked: simulated_charges.BookedCharge) -> Charge:
    if not booked.approved or booked.refunded:
        return Charge("declined")
    return Charge("succeeded", booked.settles_at_ms) if booked.settled else Charge("pending")


class GuardedGateway:
    """A gateway with a deadline, and a circuit that opens when it fails again and again."""

    def __init__(
        self, gateway: Gateway, *, timeout_s: float = ANSWER_TIMEOUT_S, left_alone_s: float = LEFT_ALONE_S
    ) -> None:
        self._gateway = gateway
        self._timeout_s = timeout_s
        self._circuits = AsyncCircuitBreakerFactory(
            FAILURES_MAX, left_alone_s, exclude=[(BaseException, _is_no_failure)]
        )
        self._circuits.add_listener(_show)
        _show_state(CLOSED)

    def accept(self, method: str, token: str) -> None:
        """Ask the gateway whether it can be asked for this payment."""
        self._gateway.accept(method, token)

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Raises GatewayNotAsked while the circuit is open."""
        return await self._ask(lambda: self._gateway.charge(attempt, bill))

    async def look_up(self, payment_id: str) -> Charge | None:
        """Raises GatewayNotAsked while the circuit is open."""
        return await self._ask(lambda: self._gateway.look_up(payment_id))

    async def refund(self, payment_id: str) -> None:
        """Raises GatewayNotAsked while the circuit is open."""
        await self._ask(lambda: self._gateway.refund(payment_id))

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        circuit = await self._circuits.get_breaker("gateway")
        try:
            async with circuit, asyncio.timeout(self._timeout_s):
                return await call()
        except OpenedState:
            raise GatewayNotAsked("the gateway failed too often; it is left alone for a while") from None
        except TimeoutError:
            raise GatewayFailed(f"no answer within {self._timeout_s:g} s") from None


def guarded(postgres: asyncpg.Pool) -> Gateway:
    """The gateway of this process."""
    return GuardedGateway(SimulatedGateway(postgres))


def _is_no_failure(error: BaseException) -> bool:
    """A caller who went away, or a store that did, says nothing of the gateway."""
    return not isinstance(error, GatewayFailed | TimeoutError)


def _show(_name: str, _kind: str, event: Event) -> None:
    if isinstance(event, ContextChanged):
        _show_state(event.state)


def _show_state(now: str) -> None:
    for state in (CLOSED, OPENED, HALF_OPENED):
        metrics.CIRCUIT.labels(state).set(state == now)
