"""Reads filters from the address of a console page, and builds the addresses of its other pages.

Invalid filters are reported, not ignored: an operator who mistypes a day must not see an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from app.core.errors import ValidationFailed
from app.core.moments import OUT_OF_RANGE, in_range
from app.core.text import typed
from app.web.http.routes import Request

PER_PAGE = 50
PAGE_MAX = 10_000
FIELDS_MAX = 20
LENGTH_MAX = 254

T = TypeVar("T", bound=str)


def filters_of(request: Request) -> dict[str, str]:
    """The filters in the address, without empty ones."""
    try:
        pairs = parse_qsl(request.query.decode("ascii"), errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise ValidationFailed("query", "cannot be read as UTF-8 name=value pairs") from None
    filters = {name: typed.words(value) for name, value in pairs}
    for name, value in filters.items():
        if len(value) > LENGTH_MAX or not value.isprintable():
            raise ValidationFailed(name, f"must be at most {LENGTH_MAX} characters that can be printed")
    return {name: value for name, value in filters.items() if value}


def page_number(fields: Mapping[str, str]) -> int:
    """The page number, from 1. Raises ValidationFailed."""
    number = typed.whole_number(fields.get("page", "1"))
    if number is None or not 1 <= number <= PAGE_MAX:
        raise ValidationFailed("page", f"must be a number from 1 to {PAGE_MAX}")
    return number


def moment(fields: Mapping[str, str], name: str, zone: str) -> datetime | None:
    """Parse a day or minute in this zone, as sent by `<input type="datetime-local">`; None if empty.

    A time that is ambiguous because clocks are set back means the earlier moment.
    """
    text = fields.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationFailed(name, "must be a time such as 2026-11-21T18:00") from None
    at = at.replace(tzinfo=ZoneInfo(zone)) if at.tzinfo is None else at
    if not in_range(at):
        raise ValidationFailed(name, OUT_OF_RANGE)
    return at


def one_of(fields: Mapping[str, str], name: str, words: tuple[T, ...]) -> T | None:
    """Read a field that has to be one of these words; None if it is empty."""
    text = fields.get(name)
    if text is None:
        return None
    for word in words:
        if word == text:
            return word
    raise ValidationFailed(name, f"must be one of: {', '.join(words)}")


def to_page(request: Request, fields: Mapping[str, str]) -> str:
    """The address of this list with its filters, up to where the page number goes."""
    others = urlencode([(name, value) for name, value in fields.items() if name != "page"])
    return f"{request.path}?{others}{'&' if others else ''}page="
