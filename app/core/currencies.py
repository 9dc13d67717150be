"""The one table of currencies and their decimals, by ISO 4217.

CLDR, which Babel and browsers write amounts with, has no decimals for some that have them (RSD, HUF in cash):
an amount is stored, charged and written in the decimals given here.
"""

from __future__ import annotations

from decimal import Decimal

from iso4217 import Currency

SCALES = {it.code: it.exponent for it in Currency if it.exponent is not None}
UNKNOWN_SCALE = 2  # of what was stored before currencies were checked


def scale(currency: str) -> int:
    """How many decimals its amounts have."""
    return SCALES.get(currency, UNKNOWN_SCALE)


def major(amount: int, currency: str) -> Decimal:
    """Minor units as a number people read: 4500, EUR -> 45.00."""
    return Decimal(amount).scaleb(-scale(currency))
