"""Stripe's webhook messages: the payment they concern, and changes to it that did not come from us."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.core.payments.stripe_amounts import our_amount

DECIDED = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
)
REFUNDED, REFUND_FAILED = "charge.refunded", "refund.failed"
NOTED = {  # type of message: its label in an order's history, and the field with the amount
    REFUNDED: ("refunded at the gateway", "amount_refunded"),
    "charge.dispute.created": ("disputed by the buyer", "amount"),
    "charge.dispute.closed": ("dispute closed", "amount"),
    REFUND_FAILED: ("refund failed", "amount"),
}


class Note(NamedTuple):
    """Something that happened to a payment at the gateway, and the amount in minor units."""

    kind: str
    amount: int
    currency: str


def payment_of(subject: dict[str, Any]) -> str:
    """Our payment_id from the metadata of an intent, session, charge or refund; "" if there is none."""
    metadata = subject.get("metadata")
    named = metadata.get("payment_id") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) else ""


def intent_of(subject: dict[str, Any]) -> str:
    """The PaymentIntent of a charge, refund or dispute; "" if there is none."""
    named = subject.get("payment_intent")
    return named if isinstance(named, str) else ""


def refund_of(subject: dict[str, Any]) -> str:
    """Our refund_id from the metadata of a partial refund; "" if there is none."""
    metadata = subject.get("metadata")
    named = metadata.get("refund_id") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) else ""


def failure_of(subject: dict[str, Any]) -> str:
    """The reason of a failed refund, in Stripe's words."""
    reason = subject.get("failure_reason")
    return reason[:40].replace("_", " ") if isinstance(reason, str) else "no reason given"


def note_of(kind: str, subject: dict[str, Any]) -> Note | None:
    """The note to store for a message of this type; None: nothing."""
    if kind not in NOTED:
        return None
    words, field = NOTED[kind]
    amount, currency = subject.get(field), subject.get("currency")
    status = subject.get("status")
    if kind == "charge.dispute.closed" and isinstance(status, str):
        words = f"dispute {status[:40]}"
    named = currency.upper() if isinstance(currency, str) else ""
    return Note(words, our_amount(amount, named) if isinstance(amount, int) else 0, named)
