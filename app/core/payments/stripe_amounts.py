"""Amounts as Stripe expects them: in the smallest unit of a currency, with exceptions.

https://docs.stripe.com/currencies (zero-decimal, three-decimal and special-case currencies)
"""

from __future__ import annotations

from app.core.currencies import scale

TWO_DECIMALS = frozenset({"ISK", "UGX"})  # no decimals, but counted in hundredths
WHOLE = frozenset({"MGA"})  # two decimals by ISO 4217, but counted in whole units
TENS = 10  # three-decimal currencies: the last digit must be 0


def stripe_amount(amount: int, currency: str) -> int | None:
    """Convert our amount in minor units (ISO 4217) to Stripe's; None: Stripe cannot charge it."""
    if currency in TWO_DECIMALS:
        return amount * 100
    if currency in WHOLE:
        return amount // 100 if amount % 100 == 0 else None
    if scale(currency) == 3:
        return amount if amount % TENS == 0 else None
    return amount


def our_amount(amount: int, currency: str) -> int:
    """Convert Stripe's amount to our minor units; the inverse of `stripe_amount`."""
    if currency in TWO_DECIMALS:
        return amount // 100
    return amount * 100 if currency in WHOLE else amount
