"""Amounts as Stripe counts them: in the smallest unit of a currency, but for some that it counts otherwise.

https://docs.stripe.com/currencies (zero-decimal, three-decimal and special-case currencies)
"""

from __future__ import annotations

from app.core.currencies import scale

TWO_DECIMALS = frozenset({"ISK", "UGX"})  # have none, and are counted in hundredths
WHOLE = frozenset({"MGA"})  # has two by ISO 4217, and is counted in whole units
TENS = 10  # three-decimal currencies: the last digit must be 0


def stripe_amount(amount: int, currency: str) -> int | None:
    """What Stripe is asked for, from our amount in minor units (ISO 4217); None: it cannot."""
    if currency in TWO_DECIMALS:
        return amount * 100
    if currency in WHOLE:
        return amount // 100 if amount % 100 == 0 else None
    if scale(currency) == 3:
        return amount if amount % TENS == 0 else None
    return amount


def our_amount(amount: int, currency: str) -> int:
    """Our minor units, from what Stripe says; the inverse of `stripe_amount`."""
    if currency in TWO_DECIMALS:
        return amount // 100
    return amount * 100 if currency in WHOLE else amount
