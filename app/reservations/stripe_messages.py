"""Messages from Stripe: they trigger a look-up of a payment, and report what was done to it outside
Fairgate."""

from __future__ import annotations

from typing import Any

from app.core.payments.stripe_messages import (
    DECIDED,
    REFUND_FAILED,
    REFUNDED,
    failure_of,
    intent_of,
    note_of,
    payment_of,
    refund_of,
)
from app.payments.gateway import Gateway
from app.reservations.settlement import process_message
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.payments import payments, refunds, stripe_payments


async def process(
    stores: Stores, gateway: Gateway, message_id: str, kind: str, subject: dict[str, Any]
) -> None:
    """Act on one message; a repeat changes nothing. The caller has checked the signature.

    The outcome in the message is not trusted: Stripe is asked. A refund or a dispute that we did not begin is
    recorded in the order's history.
    """
    with stores_answer():
        payment_id = payment_of(subject)
        if not payment_id and (intent := intent_of(subject)):
            payment_id = await stripe_payments.payment_of_intent(stores.postgres, intent) or ""
        if not payment_id:
            return
        if note := note_of(kind, subject):
            keep = stripe_payments.note_refunded if kind == REFUNDED else stripe_payments.note
            await keep(stores.postgres, message_id, payment_id, *note)
        if kind == REFUND_FAILED and not await payments.is_processed(stores.postgres, message_id):
            await _refund_failed(stores, payment_id, subject)
            await payments.mark_processed(stores.postgres, message_id)  # may be redelivered after a retry
        if kind in DECIDED:
            await stripe_payments.allow_check_now(stores.postgres, payment_id)
            await process_message(stores, gateway, message_id, payment_id)


async def _refund_failed(stores: Stores, payment_id: str, subject: dict[str, Any]) -> None:
    """A bank returned one of our refunds: staff have to retry it, and Stripe is then asked what is left."""
    why = f"the bank returned it ({failure_of(subject)})"
    if refund_id := refund_of(subject):
        await refunds.mark_failed(stores.postgres, refund_id, why)
    else:
        await refunds.full_refund_failed(stores.postgres, payment_id, why)
