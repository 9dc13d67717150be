"""What Stripe's messages say: which payment to look at, and what was done to one without us."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.core.stripe_amounts import our_amount

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
NOTED = {  # kind of message: its name in an order's history, and the field that has the sum
    REFUNDED: ("refunded at the gateway", "amount_refunded"),
    "charge.dispute.created": ("disputed by the buyer", "amount"),
    "charge.dispute.closed": ("dispute closed", "amount"),
    REFUND_FAILED: ("refund failed", "amount"),
}


class Note(NamedTuple):
    """Something that happened to a payment at the gateway, and the sum, in minor units."""

    kind: str
    amount: int
    currency: str


def payment_of(subject: dict[str, Any]) -> str:
    """Our payment_id from the metadata of an intent, session, charge or refund; else empty."""
    metadata = subject.get("metadata")
    named = metadata.get("payment_id") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) else ""


def intent_of(subject: dict[str, Any]) -> str:
    """The PaymentIntent that a charge, refund or dispute is of; else empty."""
    named = subject.get("payment_intent")
    return named if isinstance(named, str) else ""


def refund_of(subject: dict[str, Any]) -> str:
    """Our refund_id from the metadata of a refund of a part; else empty."""
    metadata = subject.get("metadata")
    named = metadata.get("refund_id") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) else ""


def failure_of(subject: dict[str, Any]) -> str:
    """Why a refund failed, in Stripe's words."""
    reason = subject.get("failure_reason")
    return reason[:40].replace("_", " ") if isinstance(reason, str) else "no reason given"


def note_of(kind: str, subject: dict[str, Any]) -> Note | None:
    """What to keep of a message of this kind; None: nothing."""
    if kind not in NOTED:
        return None
    words, field = NOTED[kind]
    amount, currency = subject.get(field), subject.get("currency")
    status = subject.get("status")
    if kind == "charge.dispute.closed" and isinstance(status, str):
        words = f"dispute {status[:40]}"
    named = currency.upper() if isinstance(currency, str) else ""
    return Note(words, our_amount(amount, named) if isinstance(amount, int) else 0, named)
