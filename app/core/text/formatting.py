"""How pages and e-mails write numbers, money, times and waits; used as template filters.

`static/formatting.js` produces the same forms with `Intl`. Digits are 0 to 9 in every language, so that
counting figures do not change their script. Names of units come from our catalogues (`units`), because Babel
has them for some languages only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, format_decimal, format_percent

from app.core import zones
from app.core.clock import from_ms, in_zone
from app.core.currencies import major, scale
from app.core.zones import UTC

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
HOURS_FROM_S = 90 * MINUTE_S  # longer waits are shown in hours: "137 minutes" is hard to read
ENGLISH = "en"
NUMBERS_MAX = 4_096  # cached as text: a page uses the same few again and again
Units = Mapping[str, Mapping[str, str]]  # by unit: a pattern for each plural form
ENGLISH_UNITS: Units = {
    unit: {"one": f"{{n}} {unit}", "other": f"{{n}} {unit}s"} for unit in ("second", "minute", "hour")
}
# CHF45.00: CLDR wants a space there, Babel writes none
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Z])(?=\d)")
_MOMENT = re.compile(r"\b[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DATES_IN = {ENGLISH: "en_GB"}  # day before month, 24 hours: unambiguous to all readers of English


@lru_cache(maxsize=NUMBERS_MAX)
def number(value: int | None, language: str = ENGLISH) -> str:
    """12345 -> 12,345; "" for None."""
    return "" if value is None else format_decimal(value, locale=language)


def money(amount: int, currency: str, language: str = ENGLISH) -> str:
    """Minor units as buyers see them: 4500, EUR -> €45.00."""
    text = _pattern(language, scale(currency)).apply(
        major(amount, currency), language, currency=currency, currency_digits=False
    )
    return _LETTER_BEFORE_DIGIT.sub("\u00a0", text)


def accounted(amount: int, currency: str, language: str = ENGLISH) -> str:
    """Minor units as accounting documents show them, with the currency's code: 4500, EUR -> 45.00 EUR."""
    decimals = scale(currency)
    pattern: NumberPattern = copy(Locale.parse(language).decimal_formats[None])
    pattern.frac_prec = (decimals, decimals)
    text = str(pattern.apply(major(amount, currency), language)).replace("\u202f", "\u00a0")
    return f"{text}\u00a0{currency}"


def percent(rate_bp: int, language: str = ENGLISH) -> str:
    """Hundredths of a percent: 1900 -> 19%, 550 -> 5.5%."""
    return str(format_percent(Decimal(rate_bp).scaleb(-4), locale=language, decimal_quantization=False))


@cache
def _pattern(language: str, decimals: int) -> NumberPattern:
    """A language's money pattern with this many decimals."""
    pattern: NumberPattern = copy(Locale.parse(language).currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    return pattern


def rfc3339(at_ms: int) -> str:
    """A time in machine-readable form, to the second."""
    at = from_ms(at_ms)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def zoned_time(at_ms: int, zone: str = UTC, style: str = "full", language: str = ENGLISH) -> str:
    """A time for readers, in an event's zone, which is named: 21:00 (Europe/Berlin).

    In the hour repeated when clocks go back, the offset is added: 02:30 (Europe/Berlin, UTC+1).
    """
    at = from_ms(at_ms)
    if at is None:
        return ""
    at = in_zone(at, ZoneInfo(zone))
    which = f", {zones.offset_name(at)}" if zones.is_doubled(at) else ""
    clock_face = f"{at:%H:%M} {UTC if zone == UTC else f'({zones.shown_name(zone)}{which})'}"
    if style == "short":
        return clock_face
    return f"{format_date(at, 'full', locale=DATES_IN.get(language, language))}, {clock_face}"


def staff_time(at: datetime, zone: str = UTC, style: str = "full") -> str:
    """A time for staff, in their chosen zone: 2026-11-29 15:05:06 UTC+1; short: 15:05:06 UTC+1."""
    at = in_zone(at, ZoneInfo(zone))
    return f"{at:{'%H:%M:%S' if style == 'short' else '%Y-%m-%d %H:%M:%S'}} {zones.offset_name(at)}"


def moments_in(text: str, zone: str = UTC) -> str:
    """Rewrite each RFC 3339 time in a text, such as 2030-06-01T19:00:00Z, for staff in this zone."""

    def written(match: re.Match[str]) -> str:
        try:
            return staff_time(datetime.fromisoformat(match[0]), zone)
        except ValueError:  # looks like a time and is not one: 2030-02-31T25:00:00Z
            return match[0]

    return _MOMENT.sub(written, text)


def duration(seconds: int, units: Units = ENGLISH_UNITS, language: str = ENGLISH) -> str:
    """A duration in one unit, rounded down: 45 seconds, 2 minutes, 3 hours."""
    if seconds < 2 * MINUTE_S:
        return counted(seconds, units["second"], language)
    if seconds < HOURS_FROM_S:
        return counted(seconds // MINUTE_S, units["minute"], language)
    return counted(seconds // HOUR_S, units["hour"], language)


def clock(left_ms: int, days_pattern: str = "{days}d {hours}h") -> str:
    """The time left: 4:05, 1:02:09, 3d 4h. Never below zero."""
    left_s = max(0, -(-left_ms // 1000))
    if left_s >= DAY_S:
        days, hours = divmod(left_s // HOUR_S, 24)
        return days_pattern.replace("{days}", str(days)).replace("{hours}", str(hours))
    minutes, seconds = divmod(left_s, MINUTE_S)
    if minutes < 60:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def wait(
    estimate: tuple[int, int] | None,
    patterns: Mapping[str, str],
    units: Units = ENGLISH_UNITS,
    language: str = ENGLISH,
) -> str:
    """A range of waits, using the patterns `under`, `about`, `range`, `unknown`: 4-6 minutes, about an
    hour."""
    if estimate is None:
        return patterns["unknown"]
    (low, unit), (high, high_unit) = (_rounded(seconds) for seconds in estimate)
    if high == 0:
        return patterns["under"]
    low = max(1, low)
    a, b = counted(low, units[unit], language), counted(high, units[high_unit], language)
    if a == b:
        return patterns["about"].replace("{a}", a)
    if unit == high_unit:
        return f"{number(low, language)}\u2013{b}"
    return patterns["range"].replace("{a}", a).replace("{b}", b)


def counted(count: int, patterns: Mapping[str, str], language: str = ENGLISH) -> str:
    """One of the patterns `zero`, `one`, `two`, `few`, `many`, `other`, with {n} filled in."""
    kind = "zero" if count == 0 and "zero" in patterns else str(Locale.parse(language).plural_form(count))
    pattern = patterns.get(kind, patterns["other"])
    return pattern.replace("{n}", number(count, language))


def _rounded(seconds: int) -> tuple[int, str]:
    if seconds < MINUTE_S:
        return 0, "minute"
    if seconds < HOURS_FROM_S:
        return (seconds + MINUTE_S // 2) // MINUTE_S, "minute"  # rounds halves up, as Math.round does
    return (seconds + HOUR_S // 2) // HOUR_S, "hour"
