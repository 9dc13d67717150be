"""Settles payments that no call waits for any longer: the worker asks the gateway, or it sends a message.

The gateway's books decide. Every step may run twice; a payment is charged, confirmed and refunded once.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.refunds import Refund
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
from app.store.sql import hold_endings, payments, refunds
from app.store.sql.payments import PaymentState

ASKED_AT_ONCE = 20  # payments the gateway is asked about
ASK_AGAIN_AFTER_S = 1.0  # before that the call that made the payment still waits
LOST_AFTER_S = ANSWER_TIMEOUT_S + 2.0  # a payment the gateway has not heard of by then will not arrive


async def conclude(stores: Stores, gateway: Gateway, payment_id: str, charge: Charge) -> None:
    """Act on an answer that does not confirm a reservation by itself: declined, or paid too late.

    A payment that came too late is accepted if tickets are left, else refunded.
    """
    if charge.status == "declined":
        await payments.give_up(stores.postgres, payment_id, "declined")
    elif charge.status == "succeeded" and not await holds.sell_late(stores, payment_id):
        # Empty: another process has just acted on it, and perhaps confirmed.
        if late := await hold_endings.expire_late(stores.postgres, payment_id):
            await holds.update_redis(stores, late)
            await refund(stores, gateway, payment_id)


async def refund(stores: Stores, gateway: Gateway, payment_id: str) -> None:
    """Refund what is left of a payment. If the gateway does not answer, the worker asks again; if it says no,
    staff may have it asked again."""
    try:
        await gateway.refund(payment_id)
    except NotDecided:
        return
    except GatewayFailed as failed:
        refused = isinstance(failed, Refused)
        await refunds.whole_later(stores.postgres, payment_id, str(failed), refused=refused)
        return
    await payments.mark_refunded(stores.postgres, payment_id)


async def refund_part(stores: Stores, gateway: Gateway, part: Refund) -> None:
    """Refund a part of a payment, once; answers of the gateway as in `refund`."""
    made = await payments.state(stores.postgres, part.payment_id)
    if made is not None and made.status == "succeeded":  # else what is left of it goes back, this included
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
    """Ask the gateway about payments without an outcome and refund what is owed; how many there were.

    Many at once: those it does not answer for keep the others waiting no longer than one of them.
    """
    await each(
        "refund_parts",
        await refunds.owed(stores.postgres),
        lambda part: refund_part(stores, gateway, part),
        key=lambda part: part.refund_id,
        at_once=ASKED_AT_ONCE,
    )
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
    """Sells payments that are found at the same time in one statement."""

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


async def look_again(stores: Stores, gateway: Gateway, payment_id: str) -> None:
    """Ask the gateway about one payment now, and act on what it says."""
    made = await payments.state(stores.postgres, payment_id)
    if made is not None:
        await _settle(stores, gateway, made, _sales(stores))


async def _settle(
    stores: Stores, gateway: Gateway, made: PaymentState, sales: Coalescer[str, str, None]
) -> None:
    """Act on what the gateway says about a payment."""
    if made.status == "refunding":
        await refund(stores, gateway, made.payment_id)
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
        await conclude(stores, gateway, made.payment_id, charge)
        await holds.announce(stores, [made.reservation_id])


async def _abandon(stores: Stores, gateway: Gateway, made: PaymentState) -> None:
    """The gateway does not know the payment: make sure that it never will, then free the hold."""
    if made.age_s < LOST_AFTER_S:
        return
    try:
        await gateway.refund(made.payment_id)
    except GatewayFailed:
        return
    await payments.give_up(stores.postgres, made.payment_id, "failed")
    await holds.announce(stores, [made.reservation_id])
