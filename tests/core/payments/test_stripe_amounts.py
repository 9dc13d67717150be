"""Amounts in Stripe's units: https://docs.stripe.com/currencies."""

from __future__ import annotations

import pytest

from app.core.payments.stripe_amounts import our_amount, stripe_amount


@pytest.mark.parametrize(
    ("currency", "ours", "theirs"),
    [
        ("EUR", 4500, 4500),
        ("JPY", 4500, 4500),  # no decimals, and counted that way
        ("ISK", 4500, 450_000),  # no decimals, but counted in hundredths
        ("UGX", 4500, 450_000),
        ("MGA", 4500, 45),  # two decimals, but counted in whole units
        ("MGA", 4510, None),
        ("KWD", 4500, 4500),  # three decimals, of which Stripe accepts two
        ("KWD", 4505, None),
    ],
)
def test_each_currency_is_charged_as_stripe_counts_it(currency: str, ours: int, theirs: int | None) -> None:
    assert stripe_amount(ours, currency) == theirs
    if theirs is not None:
        assert our_amount(theirs, currency) == ours
