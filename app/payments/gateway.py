"""The interface of a payment gateway, its failures, and the guard around it. Implementations: `gateways/`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from purgatory import AsyncCircuitBreakerFactory, ContextChanged, Event
from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, OpenedState

from app import metrics
from app.core.errors import PaymentsNotConfigured, WrongUsage
from app.core.payments.refunds import Refund
from app.store.sql.payments.payments import Attempt, Bill

ANSWER_TIMEOUT_S = 3.0  # per call
FAILURES_MAX = 20  # in a row, which open the circuit
LEFT_ALONE_S = 5.0  # after which the next call tests whether the gateway is back
PAY_AT_BANK_S = 600  # time for a buyer who continues on a page of the gateway or of a bank

T = TypeVar("T")


class GatewayFailed(Exception):
    """The gateway did not answer; it is unknown whether it charged."""


class CircuitOpen(GatewayFailed):
    """The gateway has failed too often, so it was not called: nothing was charged."""


class NotDecided(GatewayFailed):
    """The gateway answered, but cannot decide or do it yet."""


class Refused(GatewayFailed):
    """The gateway refused: the request cannot be fulfilled, or no longer."""


@dataclass(frozen=True, slots=True)
class Charge:
    """The gateway's view of a payment; `settled_at_ms` is when it succeeded.

    A pending one may need the buyer: at `continue_url`, or on the shop's page with `client_secret`.
    """

    status: Literal["pending", "succeeded", "declined"]
    settled_at_ms: int = 0
    continue_url: str = ""
    client_secret: str = ""


class Gateway(Protocol):
    """The interface of all gateways. `payment_id` is the idempotency key: nothing is charged twice.

    Calls return within a few seconds, or raise GatewayFailed.
    """

    def accept(self, attempt: Attempt) -> None:
        """Raise ValidationFailed for a payment that this gateway cannot charge."""

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Charge the payment. Raises GatewayFailed."""

    async def look_up(self, payment_id: str) -> Charge | None:
        """The charge, or None if it never arrived. Raises GatewayFailed."""

    async def refund(self, payment_id: str) -> None:
        """Refund what is left of the charge, or make sure that nothing will be charged.

        Raises GatewayFailed.
        """

    async def refund_part(self, refund: Refund) -> None:
        """Refund a part of a charge, once per `refund_id`.

        Raises Refused if that is impossible, and GatewayFailed if the outcome is unknown.
        """

    async def stop(self, payment_id: str) -> None:
        """End a payment that its buyer has abandoned, unless it has charged. Raises GatewayFailed.

        Only called for payments with a `continue_url` or a `client_secret`.
        """


class GuardedGateway:
    """A gateway with a deadline, and a circuit breaker that opens after repeated failures."""

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

    def accept(self, attempt: Attempt) -> None:
        """Have the gateway check the payment."""
        self._gateway.accept(attempt)

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Raises CircuitOpen while the circuit is open."""
        return await self._guarded(lambda: self._gateway.charge(attempt, bill))

    async def look_up(self, payment_id: str) -> Charge | None:
        """Raises CircuitOpen while the circuit is open."""
        return await self._guarded(lambda: self._gateway.look_up(payment_id))

    async def refund(self, payment_id: str) -> None:
        """Raises CircuitOpen while the circuit is open."""
        await self._guarded(lambda: self._gateway.refund(payment_id))

    async def refund_part(self, refund: Refund) -> None:
        """Raises CircuitOpen while the circuit is open."""
        await self._guarded(lambda: self._gateway.refund_part(refund))

    async def stop(self, payment_id: str) -> None:
        """Raises CircuitOpen while the circuit is open."""
        await self._guarded(lambda: self._gateway.stop(payment_id))

    async def _guarded(self, call: Callable[[], Awaitable[T]]) -> T:
        circuit = await self._circuits.get_breaker("gateway")
        try:
            async with circuit, asyncio.timeout(self._timeout_s):
                return await call()
        except OpenedState:
            raise CircuitOpen("the gateway failed repeatedly and is not called for a few seconds") from None
        except TimeoutError:
            raise GatewayFailed(f"no answer within {self._timeout_s:g} s") from None


class GatewayByPayment:
    """Routes each call to the gateway its payment was begun with, which the id names (`payment_id_at`).

    `first` is for ids that name none: payments from before several gateways could be configured.
    """

    def __init__(self, gateways: Mapping[str, Gateway], first: str) -> None:
        self._gateways, self._first = gateways, first

    def accept(self, attempt: Attempt) -> None:
        """Have this payment's gateway check it."""
        self._gateway_of(attempt.payment_id).accept(attempt)

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Raises GatewayFailed."""
        return await self._gateway_of(attempt.payment_id).charge(attempt, bill)

    async def look_up(self, payment_id: str) -> Charge | None:
        """Raises GatewayFailed."""
        return await self._gateway_of(payment_id).look_up(payment_id)

    async def refund(self, payment_id: str) -> None:
        """Raises GatewayFailed."""
        await self._gateway_of(payment_id).refund(payment_id)

    async def refund_part(self, refund: Refund) -> None:
        """Raises GatewayFailed."""
        await self._gateway_of(refund.payment_id).refund_part(refund)

    async def stop(self, payment_id: str) -> None:
        """Raises GatewayFailed."""
        await self._gateway_of(payment_id).stop(payment_id)

    def _gateway_of(self, payment_id: str) -> Gateway:
        name = next((it for it in self._gateways if payment_id.startswith(f"{it}-")), self._first)
        return self._gateways[name]


class LazyGateway:
    """A gateway that is no longer configured: opened on demand for the payments that were begun with it.
    If it cannot be opened, nothing is known about them, and they wait."""

    def __init__(self, name: str, open_it: Callable[[], Awaitable[Gateway]]) -> None:
        self._name, self._open = name, open_it
        self._opened: Gateway | None = None
        self._opening = asyncio.Lock()

    def accept(self, attempt: Attempt) -> None:
        """Refuse: new payments cannot begin with it."""
        raise PaymentsNotConfigured

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Raises GatewayFailed."""
        return await (await self._gateway()).charge(attempt, bill)

    async def look_up(self, payment_id: str) -> Charge | None:
        """Raises GatewayFailed."""
        return await (await self._gateway()).look_up(payment_id)

    async def refund(self, payment_id: str) -> None:
        """Raises GatewayFailed."""
        await (await self._gateway()).refund(payment_id)

    async def refund_part(self, refund: Refund) -> None:
        """Raises GatewayFailed."""
        await (await self._gateway()).refund_part(refund)

    async def stop(self, payment_id: str) -> None:
        """Raises GatewayFailed."""
        await (await self._gateway()).stop(payment_id)

    async def _gateway(self) -> Gateway:
        async with self._opening:
            if self._opened is None:
                try:
                    self._opened = await self._open()
                except WrongUsage as error:
                    raise NotDecided(f"begun with {self._name}, which is not configured: {error}") from None
            return self._opened


def payment_id_at(gateway: str, key: str) -> str:
    """Build a payment id that names its gateway."""
    return f"{gateway}-{key}"


def _is_no_failure(error: BaseException) -> bool:
    """Whether an error is not the gateway's fault: the caller or a store is gone, or a bank takes its
    time."""
    return isinstance(error, NotDecided | Refused) or not isinstance(error, GatewayFailed | TimeoutError)


def _show(_name: str, _kind: str, event: Event) -> None:
    if isinstance(event, ContextChanged):
        _show_state(event.state)


def _show_state(now: str) -> None:
    for state in (CLOSED, OPENED, HALF_OPENED):
        metrics.CIRCUIT.labels(state).set(state == now)
