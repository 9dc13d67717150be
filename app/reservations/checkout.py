"""Pay for a hold, extend it, cancel it; and what the worker does about unfinished payments.

Postgres says what is being paid (`paying`) before the gateway is asked, and the gateway is asked under an id
that it charges once. So whatever is cut off in between is found and asked again by `settle_payments`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

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
from app.loops import each
from app.payments.gateway import (
    ANSWER_TIMEOUT_S,
    TEST_SALE,
    Charge,
    CircuitOpen,
    Gateway,
    GatewayFailed,
)
from app.reservations import holds
from app.reservations.pending import ReservationEngine
from app.store.away import stores_answer
from app.store.coalescer import Coalescer
from app.store.connections import Stores
from app.store.sql import hold_endings, payments, reservations
from app.store.sql.hold_endings import Ended
from app.store.sql.payments import Attempt, Bill, PaymentState

CONFIRM_WAIT_S = 3.0  # a confirm call's wait for the outcome; then it is 202
POLL_S = 0.25
ASKED_AT_ONCE = 20  # payments the gateway is asked about
ASK_AGAIN_AFTER_S = 1.0  # before that the call that made the payment is at it
LOST_AFTER_S = ANSWER_TIMEOUT_S + 2.0  # a payment the gateway has not heard of by then will not arrive


@dataclass(frozen=True, slots=True)
class Payment:
    """How the buyer pays: the gateway's token. The amount comes from the reservation."""

    method: str
    token: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer to a confirm: status `confirmed`, or `paying` while the gateway is still asked (202)."""

    reservation: Reservation
    replayed: bool


async def confirm(
    engine: ReservationEngine, reservation_id: ReservationId, payment: Payment, idempotency_key: str
) -> Confirmation:
    """Pay for a hold. Raises PaymentDeclined, HoldExpired, Conflict, IdempotencyKeyReused, ValidationFailed,
    and PaymentsNotConfigured where no gateway is set up and the room is no test.

    The caller has checked who owns it. Waits up to 3 s for the gateway.
    """
    key = engine.signed(f"pay|{reservation_id}|{idempotency_key}")
    body = f"{payment.method}\n{payment.token}"
    attempt = Attempt(
        key if await _is_real(engine, reservation_id) else TEST_SALE + key,
        reservation_id,
        hashlib.blake2b(body.encode(), digest_size=12).hexdigest(),
        payment.method,
        payment.token,
    )
    engine.gateway.accept(attempt)
    with stores_answer():
        return await engine.see_through(_pay(engine, attempt))


async def _is_real(engine: ReservationEngine, reservation_id: ReservationId) -> bool:
    """Whether the gateway that is set up is asked; else the simulated one is, as the room is a test.

    Raises PaymentsNotConfigured.
    """
    if engine.settings.simulates_payments:
        return True
    with stores_answer():
        if engine.settings.gateway:
            return not await payments.is_of_a_test(engine.stores.postgres, reservation_id)
        if await payments.costs_money(engine.stores.postgres, reservation_id):
            raise PaymentsNotConfigured
    return True


async def _pay(engine: ReservationEngine, attempt: Attempt) -> Confirmation:
    bill = await engine.begun.submit("", attempt)
    if bill is None:
        if standing := await _earlier_outcome(engine, attempt):
            return standing
        bill = await _begin_alone(engine, attempt)
    if bill is None:
        if standing := await _earlier_outcome(engine, attempt):
            return standing
        raise Conflict("Another payment for this reservation just ended; send this one again.")
    if await _charge(engine, attempt, bill):
        found = await _fetch(engine, attempt.reservation_id)
        if found.status == "confirmed":
            return Confirmation(found, replayed=False)
    return await _answer(engine, attempt, replayed=False)


async def _begin_alone(engine: ReservationEngine, attempt: Attempt) -> Bill | None:
    """As `engine.begun`, for a hold that somebody had locked: this waits, and nobody else does."""
    bills = await payments.begin(engine.stores.postgres, [attempt])
    if bills:
        await holds.announce(engine.stores, [attempt.reservation_id])
    return bills.get(attempt.payment_id)


async def _charge(engine: ReservationEngine, attempt: Attempt, bill: Bill) -> bool:
    """Charge, and act on the answer if there is one; without one the worker asks again. Whether this sold."""
    try:
        charge = await engine.gateway.charge(attempt, bill)
    except CircuitOpen:  # this attempt is made once, here: so nothing was charged, and never will be
        await payments.give_up(engine.stores.postgres, attempt.payment_id, "failed")
        await holds.announce(engine.stores, [attempt.reservation_id])
        return False
    except GatewayFailed:
        return False
    if charge.status == "succeeded" and charge.settled_at_ms <= bill.expires_at_ms:
        return await engine.paid.submit("", attempt)
    await _conclude(engine.stores, engine.gateway, attempt.payment_id, charge)
    await holds.announce(engine.stores, [attempt.reservation_id])
    return False


async def _conclude(stores: Stores, gateway: Gateway, payment_id: str, charge: Charge) -> None:
    """Act on an answer that does not confirm a reservation by itself: declined, or paid too late.

    A payment that came too late is accepted if tickets are left, else refunded.
    """
    if charge.status == "declined":
        await payments.give_up(stores.postgres, payment_id, "declined")
    elif charge.status == "succeeded" and not await holds.sell_late(stores, payment_id):
        # Empty: another process has just acted on it, and perhaps confirmed.
        if late := await hold_endings.expire_late(stores.postgres, payment_id):
            await holds.update_redis(stores, late)
            await _refund(stores, gateway, payment_id)


async def _refund(stores: Stores, gateway: Gateway, payment_id: str) -> None:
    with suppress(GatewayFailed):
        await gateway.refund(payment_id)
        await payments.mark_refunded(stores.postgres, payment_id)


async def _earlier_outcome(engine: ReservationEngine, attempt: Attempt) -> Confirmation | None:
    """The hold could not be taken for this attempt: a repeat, or paid, or over. None: it could be now."""
    made = await payments.state(engine.stores.postgres, attempt.payment_id)
    if made is not None:
        if made.fingerprint != attempt.fingerprint:
            raise IdempotencyKeyReused
        return await _answer(engine, attempt, replayed=True)
    deadline = time.monotonic() + CONFIRM_WAIT_S
    while True:
        found = await _fetch(engine, attempt.reservation_id)
        if found.status == "confirmed" or (found.status == "paying" and time.monotonic() > deadline):
            return Confirmation(found, replayed=False)
        if found.status == "cancelled":
            raise Conflict("This reservation was cancelled.")
        if found.status == "expired" or (found.status == "held" and found.expires_at_ms <= now_ms()):
            raise HoldExpired
        if found.status == "held":
            return None
        await _wait_for_change(engine, attempt.reservation_id)


async def _answer(engine: ReservationEngine, attempt: Attempt, *, replayed: bool) -> Confirmation:
    """The outcome of the attempt, or after a while that the gateway has not answered."""
    deadline = time.monotonic() + CONFIRM_WAIT_S
    while True:
        made = await payments.state(engine.stores.postgres, attempt.payment_id)
        assert made is not None
        if made.status not in ("asked", "succeeded"):
            refusal = _refusal(made)
            refusal.replayed = replayed
            raise refusal
        if made.status == "succeeded" or time.monotonic() > deadline:
            return Confirmation(await _fetch(engine, attempt.reservation_id), replayed)
        await _wait_for_change(engine, attempt.reservation_id)


def _refusal(made: PaymentState) -> Refusal:
    if made.status == "declined":
        return PaymentDeclined()
    if made.status == "failed":
        return PaymentDeclined(
            "The gateway failed and charged nothing; pay again with a new Idempotency-Key."
        )
    if made.reservation == "cancelled":
        return Conflict("This reservation was cancelled; what was paid is refunded.")
    return HoldExpired("The payment arrived after the hold had ended; it is refunded.")


async def _fetch(engine: ReservationEngine, reservation_id: str) -> Reservation:
    found = await engine.read.submit("", reservation_id)
    if found is None:
        raise ReservationNotFound
    return found


async def _wait_for_change(engine: ReservationEngine, reservation_id: str) -> None:
    """Wait until the reservation changes, or a moment."""
    with engine.changes(reservation_id) as changed, suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), POLL_S)


async def cancel(engine: ReservationEngine, reservation_id: ReservationId) -> Reservation:
    """Cancel a reservation: release its tickets and refund what was paid. A second time changes nothing.

    Raises ReservationNotFound, and Conflict while a payment is under way.
    """
    with stores_answer():
        ended = await hold_endings.cancel(engine.stores.postgres, reservation_id)
        return await finish_cancel(engine, reservation_id, ended)


async def finish_cancel(
    engine: ReservationEngine, reservation_id: ReservationId, ended: Sequence[Ended]
) -> Reservation:
    """Finish a cancellation: return the stock and refund. A worker does what is left undone."""
    found = await _fetch(engine, reservation_id)
    if found.status == "paying":
        raise Conflict("A payment is in progress; wait for its outcome.")
    await holds.update_redis(engine.stores, ended)
    for payment_id in await payments.refunds_owed(engine.stores.postgres, reservation_id) if ended else ():
        await _refund(engine.stores, engine.gateway, payment_id)
    return found


async def extend(engine: ReservationEngine, reservation_id: ReservationId) -> Reservation:
    """Extend a hold, once; asked again it changes nothing and answers the same.

    By how much is the event's policy. Raises ReservationNotFound, HoldExpired, and Conflict where the event
    offers none or it is no hold any longer.
    """
    with stores_answer():
        extended = await reservations.extend(engine.stores.postgres, reservation_id)
        found = await _fetch(engine, reservation_id)
        if extended:
            await holds.announce(engine.stores, [reservation_id])
    if found.status == "expired" or (found.status == "held" and found.expires_at_ms <= now_ms()):
        raise HoldExpired
    if found.status != "held":
        raise Conflict(f"Only a hold can be extended; this reservation is {found.status}.")
    if not found.extended_s:
        raise Conflict("This event does not extend holds.")
    return found


async def settle_payments(stores: Stores, gateway: Gateway) -> int:
    """Ask the gateway about payments without an outcome and refund what is owed; how many there were.

    Many at once: those it does not answer for keep the others waiting no longer than one of them.
    """
    sales = _sales(stores)
    unsettled = await payments.unsettled(stores.postgres, ASK_AGAIN_AFTER_S)
    await each(
        "settle_payments",
        unsettled,
        lambda made: _settle(stores, gateway, made, sales),
        key=lambda made: made.payment_id,
        at_once=ASKED_AT_ONCE,
    )
    return len(unsettled)


def _sales(stores: Stores) -> Coalescer[str, str, None]:
    """Those found to be paid at the same time are sold with one statement."""

    async def sell(_key: str, payment_ids: list[str]) -> Sequence[None]:
        await holds.sell(stores, payment_ids)
        return [None] * len(payment_ids)

    return Coalescer(sell)


async def process_message(stores: Stores, gateway: Gateway, message_id: str, payment_id: str) -> None:
    """The gateway reports that a payment was decided: ask it now. A repeated message does nothing.

    The message is a hint, never a proof: what the gateway's books say decides. So messages may be late,
    doubled and out of order, and a stolen secret makes us look, and no more. While the books say nothing yet,
    the worker goes on asking. The caller has checked the signature.
    """
    with stores_answer():
        if await payments.is_processed(stores.postgres, message_id):
            return
        made = await payments.state(stores.postgres, payment_id)
        if made is None:
            return  # another installation's, or one of long ago: asking again would change nothing
        await _settle(stores, gateway, made, _sales(stores))
        await payments.mark_processed(stores.postgres, message_id)


async def _settle(
    stores: Stores, gateway: Gateway, made: PaymentState, sales: Coalescer[str, str, None]
) -> None:
    """Act on what the gateway says about a payment."""
    if made.status == "refunding":
        await _refund(stores, gateway, made.payment_id)
    if made.status != "asked":
        return
    try:
        charge = await gateway.look_up(made.payment_id)
    except GatewayFailed:
        return
    if charge is None:
        await _abandon(stores, gateway, made)
    elif charge.status == "succeeded" and charge.settled_at_ms <= made.expires_at_ms:
        await sales.submit("", made.payment_id)
    else:
        await _conclude(stores, gateway, made.payment_id, charge)
        await holds.announce(stores, [made.reservation_id])


async def _abandon(stores: Stores, gateway: Gateway, made: PaymentState) -> None:
    """The gateway never heard of it. First make sure that it never will, then free the hold."""
    if made.age_s < LOST_AFTER_S:
        return
    try:
        await gateway.refund(made.payment_id)
    except GatewayFailed:
        return
    await payments.give_up(stores.postgres, made.payment_id, "failed")
    await holds.announce(stores, [made.reservation_id])
