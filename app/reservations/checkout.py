"""Paying for a hold, extending it and cancelling it.

Postgres records that a payment is under way (`paying`) before the gateway is called, and the gateway is
called with an id that it charges only once. So whatever is interrupted in between is found and finished by
`settlement.settle_payments`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from app.core.clock import now_ms
from app.core.errors import (
    Conflict,
    HoldExpired,
    IdempotencyKeyReused,
    PaymentDeclined,
    PaymentsNotConfigured,
    Refusal,
    ReservationNotFound,
)
from app.core.model import Reservation, ReservationId
from app.payments.gateway import (
    PAY_AT_BANK_S,
    CircuitOpen,
    GatewayFailed,
    payment_id_at,
)
from app.payments.gateways import gateway_for, offered
from app.reservations import holds
from app.reservations.pending import ReservationEngine
from app.reservations.settlement import conclude, refund
from app.settings import SIMULATED
from app.store.away import stores_answer
from app.store.sql.catalogue import cancel_or_move
from app.store.sql.monitoring import server
from app.store.sql.payments import payment_steps, payments
from app.store.sql.payments.payment_steps import NOTHING_TO_DO, NextStep
from app.store.sql.payments.payments import Attempt, Bill, PaymentState
from app.store.sql.reservations import hold_endings, reservations
from app.store.sql.reservations.hold_endings import EndedReservation

CONFIRM_WAIT_S = 3.0  # how long a confirm call waits for the outcome before it answers 202
POLL_S = 0.25
SALE_CANCELLED = "This event was cancelled; tickets are no longer sold."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Payment:
    """How the buyer pays: the gateway's token. The amount comes from the reservation."""

    method: str
    token: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer to a confirm call: status `confirmed`, or `paying` while the gateway has not answered (202).

    `step` is where the buyer has to continue first.
    """

    reservation: Reservation
    replayed: bool
    step: NextStep = NOTHING_TO_DO


async def confirm(
    engine: ReservationEngine, reservation_id: ReservationId, payment: Payment, idempotency_key: str
) -> Confirmation:
    """Pay for a hold.

    Waits up to 3 s for the gateway. The caller has checked who owns the reservation. Raises PaymentDeclined,
    HoldExpired, Conflict, IdempotencyKeyReused, ValidationFailed, and PaymentsNotConfigured if no gateway is
    set up and the room is not a test.
    """
    key = engine.signed(f"pay|{reservation_id}|{idempotency_key}")
    body = f"{payment.method}\n{payment.token}"
    attempt = Attempt(
        payment_id_at(await _gateway_for(engine, reservation_id, payment.method), key),
        reservation_id,
        hashlib.blake2b(body.encode(), digest_size=12).hexdigest(),
        payment.method,
        payment.token,
    )
    engine.gateway.accept(attempt)
    with stores_answer():
        return await engine.see_through(_pay(engine, attempt))


async def _gateway_for(engine: ReservationEngine, reservation_id: ReservationId, method: str) -> str:
    """Return the gateway to call: one that is set up, or the simulated one if the room is a test.

    Raises PaymentsNotConfigured.
    """
    if engine.settings.simulates_payments:
        return SIMULATED
    with stores_answer():
        if names := engine.settings.gateways:
            is_test, some = await payments.offered(engine.stores.postgres, reservation_id)
            if is_test:
                return SIMULATED
            if usable := offered(names, some):
                return gateway_for(usable, method)
            raise PaymentsNotConfigured
        if await payments.costs_money(engine.stores.postgres, reservation_id):
            raise PaymentsNotConfigured
    return SIMULATED


async def _pay(engine: ReservationEngine, attempt: Attempt) -> Confirmation:
    bill = await engine.begun.submit("", attempt)
    if bill is None:
        if earlier := await _earlier_outcome(engine, attempt):
            return earlier
        bill = await _begin_alone(engine, attempt)
    if bill is None:
        if earlier := await _earlier_outcome(engine, attempt):
            return earlier
        if await cancel_or_move.is_cancelled(engine.stores.postgres, attempt.reservation_id):
            raise Conflict(SALE_CANCELLED)
        raise Conflict("Another payment for this reservation just ended; send this one again.")
    if await _charge(engine, attempt, bill):
        reservation = await _fetch(engine, attempt.reservation_id)
        if reservation.status == "confirmed":
            return Confirmation(reservation, replayed=False)
    return await _answer(engine, attempt, replayed=False)


async def _begin_alone(engine: ReservationEngine, attempt: Attempt) -> Bill | None:
    """Like `engine.begun`, for a hold that somebody else has locked: only this call waits for the lock."""
    bills = await payments.begin(engine.stores.postgres, [attempt])
    if bills:
        await holds.announce(engine.stores, [attempt.reservation_id])
    return bills.get(attempt.payment_id)


async def _charge(engine: ReservationEngine, attempt: Attempt, bill: Bill) -> bool:
    """Charge, and act on the answer; return whether this sold the tickets. Without an answer a worker asks
    again."""
    try:
        charge = await engine.gateway.charge(attempt, bill)
    except CircuitOpen:  # the attempt is made only here, so nothing was or will be charged
        await payments.give_up(engine.stores.postgres, attempt.payment_id, "failed")
        await holds.announce(engine.stores, [attempt.reservation_id])
        return False
    except GatewayFailed as failed:
        log.warning("gateway_failed", payment_id=attempt.payment_id, reason=str(failed))
        return False
    if charge.status == "succeeded" and charge.settled_at_ms <= bill.expires_at_ms:
        return await engine.paid.submit("", attempt)
    if charge.continue_url or charge.client_secret:
        step = NextStep(charge.continue_url, charge.client_secret)
        await payment_steps.hand_over(engine.stores.postgres, attempt.payment_id, step, PAY_AT_BANK_S)
    await conclude(engine.stores, engine.gateway, attempt.payment_id, charge)
    await holds.announce(engine.stores, [attempt.reservation_id])
    return False


async def _earlier_outcome(engine: ReservationEngine, attempt: Attempt) -> Confirmation | None:
    """Why the payment could not begin: it is a repeat, already paid, or too late. None if it could begin
    now."""
    payment = await payments.state(engine.stores.postgres, attempt.payment_id)
    if payment is not None:
        if payment.fingerprint != attempt.fingerprint:
            raise IdempotencyKeyReused
        return await _answer(engine, attempt, replayed=True)
    deadline = time.monotonic() + CONFIRM_WAIT_S
    while True:
        reservation = await _fetch(engine, attempt.reservation_id)
        if reservation.status == "confirmed" or (
            reservation.status == "paying" and time.monotonic() > deadline
        ):
            await server.be_sure(engine.stores.postgres)
            return Confirmation(reservation, replayed=False)
        if reservation.status == "cancelled":
            raise Conflict("This reservation was cancelled.")
        if reservation.status == "expired" or (
            reservation.status == "held" and reservation.expires_at_ms <= now_ms()
        ):
            raise HoldExpired
        if reservation.status == "held":
            return None
        await _wait_for_change(engine, attempt.reservation_id)


async def _answer(engine: ReservationEngine, attempt: Attempt, *, replayed: bool) -> Confirmation:
    """Wait for the outcome of the attempt; after CONFIRM_WAIT_S return the reservation as it is."""
    deadline = time.monotonic() + CONFIRM_WAIT_S
    while True:
        payment = await payments.state(engine.stores.postgres, attempt.payment_id)
        assert payment is not None
        if payment.status not in ("asked", "succeeded"):
            refusal = _refusal(payment)
            refusal.replayed = replayed
            raise refusal
        step = await _next_step(engine, attempt) if payment.status == "asked" else NOTHING_TO_DO
        if payment.status == "succeeded" or step != NOTHING_TO_DO or time.monotonic() > deadline:
            await server.be_sure(engine.stores.postgres)
            return Confirmation(await _fetch(engine, attempt.reservation_id), replayed, step)
        await _wait_for_change(engine, attempt.reservation_id)


async def _next_step(engine: ReservationEngine, attempt: Attempt) -> NextStep:
    """Where the buyer continues with this attempt."""
    under_way = await payment_steps.under_way(engine.stores.postgres, attempt.reservation_id)
    return under_way[1] if under_way is not None and under_way[0] == attempt.payment_id else NOTHING_TO_DO


def _refusal(payment: PaymentState) -> Refusal:
    if payment.status == "declined":
        return PaymentDeclined()
    if payment.status == "failed":
        return PaymentDeclined(
            "The payment service failed and charged nothing; pay again with a new Idempotency-Key."
        )
    if payment.reservation == "cancelled":
        return Conflict("This reservation was cancelled; what was paid is refunded.")
    return HoldExpired("The payment arrived after the hold had ended; it is refunded.")


async def _fetch(engine: ReservationEngine, reservation_id: str) -> Reservation:
    reservation = await engine.read.submit("", reservation_id)
    if reservation is None:
        raise ReservationNotFound
    return reservation


async def _wait_for_change(engine: ReservationEngine, reservation_id: str) -> None:
    """Wait until the reservation changes, at most POLL_S."""
    with engine.changes(reservation_id) as changed, suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), POLL_S)


async def cancel(engine: ReservationEngine, reservation_id: ReservationId) -> Reservation:
    """Cancel a reservation: release its tickets and refund what was paid. A second call changes nothing.

    Raises ReservationNotFound, and Conflict while a payment is under way, after the sale's deadline for
    refunds, or once one of its tickets was used or given away.
    """
    with stores_answer():
        until, is_used = await cancel_or_move.own_cancelling(engine.stores.postgres, reservation_id)
        if is_used:
            raise Conflict("One of its tickets was used or given away; ask the organiser.")
        if until is not None and until <= datetime.now(UTC):
            raise Conflict("This sale no longer refunds tickets.")
        ended = await hold_endings.cancel(engine.stores.postgres, reservation_id)
        return await finish_cancel(engine, reservation_id, ended)


async def finish_cancel(
    engine: ReservationEngine, reservation_id: ReservationId, ended: Sequence[EndedReservation]
) -> Reservation:
    """Finish a cancellation: return the stock and refund. A worker completes what is interrupted."""
    reservation = await _fetch(engine, reservation_id)
    if reservation.status == "paying":
        raise Conflict("A payment is in progress; wait for its outcome.")
    await holds.update_redis(engine.stores, ended)
    for payment_id in await payments.refunds_owed(engine.stores.postgres, reservation_id) if ended else ():
        await refund(engine.stores, engine.gateway, payment_id)
    return reservation


async def extend(engine: ReservationEngine, reservation_id: ReservationId) -> Reservation:
    """Extend a hold, once; a repeated call changes nothing and returns the same.

    The event's policy says by how much. Raises ReservationNotFound, HoldExpired, and Conflict if the event
    does not extend holds or the reservation is no longer a hold.
    """
    with stores_answer():
        extended = await reservations.extend(engine.stores.postgres, reservation_id)
        reservation = await _fetch(engine, reservation_id)
        if extended:
            await holds.announce(engine.stores, [reservation_id])
    if reservation.status == "expired" or (
        reservation.status == "held" and reservation.expires_at_ms <= now_ms()
    ):
        raise HoldExpired
    if reservation.status != "held":
        raise Conflict(f"Only a hold can be extended; this reservation is {reservation.status}.")
    if not reservation.extended_s:
        raise Conflict("This event does not extend holds.")
    return reservation
