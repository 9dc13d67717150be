"""Settles payments that no call waits for any longer, when a worker asks the gateway or the gateway sends a
message.

The gateway's records decide. Every step may run twice; a payment is charged, confirmed and refunded once.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.payments.refunds import Refund
from app.loops import each
from app.payments.gateway import (
    ANSWER_TIMEOUT_S,
    Charge,
    Gateway,
    GatewayFailed,
    NotDecided,
    Refused,
)
from app.reservations import holds
from app.store.away import stores_answer
from app.store.coalescer import Coalescer
from app.store.connections import Stores
from app.store.sql.payments import payments, refunds
from app.store.sql.payments.payments import PaymentState
from app.store.sql.reservations import hold_endings

CHECKED_AT_ONCE = 20  # payments looked up at the gateway concurrently
ASK_AGAIN_AFTER_S = 1.0  # until then the call that began the payment still waits
LOST_AFTER_S = ANSWER_TIMEOUT_S + 2.0  # a payment still unknown to the gateway by then will not arrive


async def conclude(stores: Stores, gateway: Gateway, payment_id: str, charge: Charge) -> None:
    """Act on a charge that does not confirm a reservation directly: declined, or paid too late.

    A late payment is accepted if tickets are left, otherwise refunded.
    """
    if charge.status == "declined":
        await payments.give_up(stores.postgres, payment_id, "declined")
    elif charge.status == "succeeded" and not await holds.sell_late(stores, payment_id):
        # Empty if another process has just acted on it, and perhaps confirmed it.
        if late := await hold_endings.expire_late(stores.postgres, payment_id):
            await holds.update_redis(stores, late)
            await refund(stores, gateway, payment_id)


async def refund(stores: Stores, gateway: Gateway, payment_id: str) -> None:
    """Refund what is left of a payment.

    If the gateway does not answer, a worker asks again; if it refuses, staff can retry.
    """
    try:
        await gateway.refund(payment_id)
    except NotDecided:
        return
    except GatewayFailed as failed:
        refused = isinstance(failed, Refused)
        await refunds.retry_full_later(stores.postgres, payment_id, str(failed), refused=refused)
        return
    await payments.mark_refunded(stores.postgres, payment_id)


async def refund_part(stores: Stores, gateway: Gateway, part: Refund) -> None:
    """Refund a part of a payment, once; the gateway's answers are handled as in `refund`."""
    payment = await payments.state(stores.postgres, part.payment_id)
    if (
        payment is not None and payment.status == "succeeded"
    ):  # else it is refunded as a whole, including this part
        try:
            await gateway.refund_part(part)
        except Refused as refused:
            await refunds.mark_failed(stores.postgres, part.refund_id, str(refused))
            return
        except GatewayFailed as failed:
            await refunds.later(stores.postgres, part.refund_id, str(failed))
            return
    await refunds.mark_done(stores.postgres, part.refund_id)


async def settle_payments(stores: Stores, gateway: Gateway) -> int:
    """Ask the gateway about payments without an outcome and refund what is owed; return how many there were.

    They are processed concurrently: payments that the gateway does not answer for delay the others by no more
    than one timeout.
    """
    await each(
        "refund_parts",
        await refunds.owed(stores.postgres),
        lambda part: refund_part(stores, gateway, part),
        key=lambda part: part.refund_id,
        at_once=CHECKED_AT_ONCE,
    )
    sales = _sales(stores)
    unsettled = await payments.unsettled(stores.postgres, ASK_AGAIN_AFTER_S)
    await each(
        "settle_payments",
        unsettled,
        lambda made: _settle(stores, gateway, made, sales),
        key=lambda made: made.payment_id,
        at_once=CHECKED_AT_ONCE,
    )
    return len(unsettled)


def _sales(stores: Stores) -> Coalescer[str, str, None]:
    """Sells payments that are found at the same time in one statement."""

    async def sell(_key: str, payment_ids: list[str]) -> Sequence[None]:
        await holds.sell(stores, payment_ids)
        return [None] * len(payment_ids)

    return Coalescer(sell)


async def process_message(stores: Stores, gateway: Gateway, message_id: str, payment_id: str) -> None:
    """Look up a payment that the gateway reports as decided. A repeated message does nothing.

    The message is a hint, never a proof: the gateway's records decide. So messages may be late, duplicated
    and out of order, and a stolen webhook secret can cause a look-up but nothing more. While the records have
    no outcome, the worker keeps asking. The caller has checked the signature.
    """
    with stores_answer():
        if await payments.is_processed(stores.postgres, message_id):
            return
        payment = await payments.state(stores.postgres, payment_id)
        if payment is None:
            return  # from another installation, or long past: retrying would not help
        await _settle(stores, gateway, payment, _sales(stores))
        await payments.mark_processed(stores.postgres, message_id)


async def check_payment(stores: Stores, gateway: Gateway, payment_id: str) -> None:
    """Ask the gateway about one payment now, and act on its answer."""
    payment = await payments.state(stores.postgres, payment_id)
    if payment is not None:
        await _settle(stores, gateway, payment, _sales(stores))


async def _settle(
    stores: Stores, gateway: Gateway, payment: PaymentState, sales: Coalescer[str, str, None]
) -> None:
    """Act on the gateway's answer about a payment."""
    if payment.status == "refunding":
        await refund(stores, gateway, payment.payment_id)
    if payment.status != "asked":
        return
    try:
        charge = await gateway.look_up(payment.payment_id)
    except GatewayFailed:
        return
    if charge is None:
        await _abandon(stores, gateway, payment)
    elif charge.status == "succeeded" and charge.settled_at_ms <= payment.expires_at_ms:
        await sales.submit("", payment.payment_id)
    else:
        await conclude(stores, gateway, payment.payment_id, charge)
        await holds.announce(stores, [payment.reservation_id])


async def _abandon(stores: Stores, gateway: Gateway, payment: PaymentState) -> None:
    """The gateway does not know the payment: make sure that it never charges it, then free the hold."""
    if payment.age_s < LOST_AFTER_S:
        return
    try:
        await gateway.refund(payment.payment_id)
    except GatewayFailed:
        return
    await payments.give_up(stores.postgres, payment.payment_id, "failed")
    await holds.announce(stores, [payment.reservation_id])
