"""The IANA time zones."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from app.core.errors import ValidationFailed
from app.core.formats import PATTERN_MEANS, ZONE

UTC = "UTC"


@cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


def check_zone(name: str, field: str = "timezone") -> None:
    """Raises ValidationFailed unless this is the name of a time zone."""
    if name not in zones():
        raise ValidationFailed(field, PATTERN_MEANS[ZONE])
