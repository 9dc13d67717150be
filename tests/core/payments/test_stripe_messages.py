"""What Stripe's messages say about a payment, whatever is missing in them."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.payments.stripe_messages import Note, failure_of, note_of, payment_of

DISPUTE = {"amount": 5000, "currency": "eur"}


@pytest.mark.parametrize(
    ("kind", "subject", "note"),
    [
        ("charge.dispute.created", {**DISPUTE, "status": "needs_response"}, "disputed by the buyer"),
        ("charge.dispute.closed", {**DISPUTE, "status": "lost"}, "dispute lost"),
        ("charge.dispute.closed", {**DISPUTE, "status": "won" * 50}, "dispute " + ("won" * 50)[:40]),
        ("charge.dispute.closed", DISPUTE, "dispute closed"),
    ],
)
def test_a_dispute_is_noted_with_its_outcome(kind: str, subject: dict[str, Any], note: str) -> None:
    assert note_of(kind, subject) == Note(note, 5000, "EUR")


def test_what_is_missing_in_a_message_breaks_nothing() -> None:
    assert note_of("charge.updated", DISPUTE) is None
    assert note_of("charge.refunded", {"amount_refunded": "5000", "currency": 7}) == Note(
        "refunded at the gateway", 0, ""
    )
    for metadata in (None, "p1", {"payment_id": 7}, {}):
        assert payment_of({"metadata": metadata}) == ""
    assert failure_of({"failure_reason": "expired_or_canceled_card"}) == "expired or canceled card"
    assert failure_of({}) == "no reason given"
