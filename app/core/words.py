"""How pages write numbers, money, times and waits. Plain functions; the templates know them as filters.

The scripts in `static/words.js` write the same forms with `Intl`, in the visitor's own zone.
"""

from __future__ import annotations

from app.core.clock import from_ms

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
HOURS_FROM_S = 90 * MINUTE_S  # longer waits are told in hours: nobody counts 137 minutes

SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}  # as Intl writes them in English
# ISO 4217 minor units that are not two.
MINOR_DIGITS = dict.fromkeys(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0
) | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)


def number(value: int | None) -> str:
    """12345 -> 12,345; nothing for None."""
    return "" if value is None else f"{value:,}"


def money(amount: int, currency: str) -> str:
    """Minor units in words a buyer reads: 4500, EUR -> €45.00."""
    digits = MINOR_DIGITS.get(currency, 2)
    figures = f"{amount / 10**digits:,.{digits}f}"
    sign = SIGNS.get(currency)
    return f"{sign}{figures}" if sign else f"{currency}\u00a0{figures}"


def rfc3339(at_ms: int) -> str:
    """The machine's form of a time, to the second."""
    at = from_ms(at_ms)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def utc_time(at_ms: int, style: str = "full") -> str:
    """The reader's form of a time when no script turns it into their own zone."""
    at = from_ms(at_ms)
    if at is None:
        return ""
    clock_face = at.strftime("%H:%M UTC")
    return clock_face if style == "short" else f"{at:%A}, {at.day} {at:%B %Y}, {clock_face}"


def duration(seconds: int) -> str:
    """A length of time, to one unit and rounded down: 45 seconds, 2 minutes, 3 hours."""
    if seconds < 2 * MINUTE_S:
        return _counted(seconds, "second")
    if seconds < HOURS_FROM_S:
        return _counted(seconds // MINUTE_S, "minute")
    return _counted(seconds // HOUR_S, "hour")


def clock(left_ms: int) -> str:
    """What is left: 4:05, 1:02:09, 3 d 4 h. Never below zero."""
    left_s = max(0, -(-left_ms // 1000))
    if left_s >= DAY_S:
        return f"{left_s // DAY_S} d {left_s % DAY_S // HOUR_S} h"
    minutes, seconds = divmod(left_s, MINUTE_S)
    if minutes < 60:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def wait(estimate: tuple[int, int] | None) -> str:
    """An honest range: `under a minute`, `about 4 minutes`, `4-6 minutes`, `50 minutes to 2 hours`."""
    if estimate is None:
        return "not known right now"
    low, high = (_rounded(seconds) for seconds in estimate)
    if high == (0, "minute"):
        return "under a minute"
    low = (1, "minute") if low[0] == 0 else low
    if low == high:
        return f"about {_counted(*low)}"
    if low[1] == high[1]:
        return f"{low[0]}\u2013{_counted(*high)}"
    return f"{_counted(*low)} to {_counted(*high)}"


def _rounded(seconds: int) -> tuple[int, str]:
    if seconds < MINUTE_S:
        return 0, "minute"
    if seconds < HOURS_FROM_S:
        return (seconds + MINUTE_S // 2) // MINUTE_S, "minute"  # halves up, as Math.round does
    return (seconds + HOUR_S // 2) // HOUR_S, "hour"


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'' if count == 1 else 's'}"
