"""The one table of currencies and their decimals, by ISO 4217.

CLDR, which Babel and browsers format amounts by, has no decimals for some currencies that have them (RSD, HUF
in cash): amounts are stored, charged and shown with the decimals given here.
"""

from __future__ import annotations

from decimal import Decimal

from iso4217 import Currency

SCALES = {it.code: it.exponent for it in Currency if it.exponent is not None}
UNKNOWN_SCALE = 2  # of amounts stored before currencies were checked


def scale(currency: str) -> int:
    """The number of decimals of a currency."""
    return SCALES.get(currency, UNKNOWN_SCALE)


def major(amount: int, currency: str) -> Decimal:
    """Minor units as a decimal number: 4500, EUR -> 45.00."""
    return Decimal(amount).scaleb(-scale(currency))
