"""Parses typed input: numbers, amounts, words, codes. The same everywhere, never guessing."""

from __future__ import annotations

import re
import unicodedata

DIGITS_MAX = 15
_SPACES = re.compile(r"\s+")
_NUMBER = r"0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+|[1-9]\d{0,2}(\.\d{3})+|[1-9]\d{0,2}( \d{3})+"
_WHOLE = re.compile(_NUMBER, re.ASCII)
_AMOUNT = re.compile(rf"(?P<whole>{_NUMBER})(?P<mark>[.,])(?P<part>\d+)", re.ASCII)
_DURATION = re.compile(rf"(?P<count>{_NUMBER}) ?(?P<unit>[a-z]*)", re.ASCII)
_UNITS = {  # in seconds, the largest first
    "day": 86_400,
    "hour": 3600,
    "min": 60,
    "s": 1,
}
_SPELLINGS = {
    "": "s", "sec": "s", "second": "s", "seconds": "s",
    "m": "min", "minute": "min", "minutes": "min",
    "h": "hour", "hours": "hour",
    "d": "day", "days": "day",
}  # fmt: skip
_IN_A_CODE = re.compile(r"[\s\u00ad\u2010-\u2015\u2212-]+")


def words(text: str) -> str:
    """Normalise a text: composed characters, single spaces between words."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def folded(text: str) -> str:
    """Fold a text for searching: normalised, without case and width."""
    return words(unicodedata.normalize("NFKC", text).casefold())


def ticket_code(text: str) -> str:
    """Normalise a ticket code, however it was read out: without spaces and hyphens, in capitals."""
    return _IN_A_CODE.sub("", unicodedata.normalize("NFKC", text)).upper()


def whole_number(text: str) -> int | None:
    """Parse a whole number with or without thousands separators: 1200, 1,200, 1.200, 1 200. Else None, as
    for 1,5."""
    text = _plain(text)
    if not _WHOLE.fullmatch(text):
        return None
    digits = re.sub("[,. ]", "", text)
    return int(digits) if len(digits) <= DIGITS_MAX else None


def amount(text: str, scale: int) -> int | None:
    """Parse an amount of money in minor units: 45, 45.5, 45,50, 1,000, 1.000,00. None if it is ambiguous.

    Three digits after a comma or a point are thousands. In a currency with three decimals, those after a
    point are decimals, and those after a comma are ambiguous.
    """
    text = _plain(text)
    parts = _AMOUNT.fullmatch(text)
    units = whole_number(text)
    if units is not None and not (scale == 3 and parts):
        return units * int(10**scale)
    if units is not None and text.count(",") == 1:
        return None
    if parts is None or len(part := parts["part"]) > scale or parts["mark"] in parts["whole"]:
        return None
    units = whole_number(parts["whole"])
    return None if units is None else units * 10**scale + int(part.ljust(scale, "0"))


def duration(text: str) -> int | None:
    """Parse a duration in seconds: 90, 90 s, 10 min, 2 hours, 1 day. None for anything else."""
    match = _DURATION.fullmatch(_plain(text).lower())
    unit = _UNITS.get(_SPELLINGS.get(match["unit"], match["unit"])) if match else None
    count = whole_number(match["count"]) if match else None
    return None if unit is None or count is None else count * unit


def duration_text(seconds: int) -> str:
    """The shortest text that `duration` parses as this many seconds: 10 min."""
    unit, size = next((it for it in _UNITS.items() if seconds and seconds % it[1] == 0), ("s", 1))
    count = seconds // size
    return f"{count} {unit}{'s' if unit in ('day', 'hour') and count != 1 else ''}"


def _plain(text: str) -> str:
    """Decimal digits of any script as 0 to 9, and any space as a space."""
    return _SPACES.sub(" ", "".join(str(unicodedata.decimal(it, it)) for it in text)).strip()
