"""IANA time zones, and local times around changes of daylight saving."""

from __future__ import annotations

from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from app.core.errors import ValidationFailed
from app.core.formats import PATTERN_MEANS, ZONE

UTC = "UTC"
MINUTE = timedelta(minutes=1)
RENAMED = {  # zones that browsers still report under a former name
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Catamarca": "America/Argentina/Catamarca",
    "America/Cordoba": "America/Argentina/Cordoba",
    "America/Godthab": "America/Nuuk",
    "America/Indianapolis": "America/Indiana/Indianapolis",
    "America/Jujuy": "America/Argentina/Jujuy",
    "America/Louisville": "America/Kentucky/Louisville",
    "America/Mendoza": "America/Argentina/Mendoza",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Europe/Kiev": "Europe/Kyiv",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}


@cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


def check_zone(name: str, field: str = "timezone") -> None:
    """Raise ValidationFailed unless this is the name of a time zone."""
    if name not in zones():
        raise ValidationFailed(field, PATTERN_MEANS[ZONE])


def known_zone(name: str) -> str:
    """The name if it is a time zone; otherwise UTC."""
    return name if name in zones() else UTC


def of_browser(name: str) -> str:
    """The current name of the zone a browser reports; "" if it is unknown."""
    name = RENAMED.get(name, name)
    return name if name in zones() else ""


def shown_name(zone: str) -> str:
    """A zone's name as shown to people: America/New York."""
    return zone.replace("_", " ")


def offset_name(at: datetime) -> str:
    """The UTC offset at this datetime: UTC+1, UTC-3:30, UTC."""
    minutes = round((at.utcoffset() or timedelta()) / MINUTE)
    if not minutes:
        return UTC
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def is_doubled(at: datetime) -> bool:
    """Whether this local time occurs twice on its day."""
    return at.utcoffset() != at.replace(fold=1 - at.fold).utcoffset()


def readings(local: datetime, zone: str) -> list[datetime]:
    """The moments at which a clock in this zone shows a local time, the earlier first, in that zone.

    Usually one; two in the hour repeated when clocks go back, none in the hour skipped when they go forward.
    """
    place = ZoneInfo(zone)
    moments: list[datetime] = []
    for fold in (0, 1):
        at = local.replace(tzinfo=place, fold=fold)
        wall_clock = at.astimezone(UTC_ZONE).astimezone(place)
        if wall_clock.replace(tzinfo=None, fold=0) == local and wall_clock.utcoffset() not in [
            it.utcoffset() for it in moments
        ]:
            moments.append(at)
    return moments


def around_skipped(local: datetime, zone: str) -> tuple[datetime, datetime]:
    """The last minute before a skipped local time, and the first after it."""
    place = ZoneInfo(zone)
    low, high = (local.replace(tzinfo=place, fold=it).astimezone(UTC_ZONE) for it in (1, 0))
    offset = low.astimezone(place).utcoffset()
    while high - low > MINUTE:  # clocks go forward in between, by whole minutes everywhere nowadays
        middle = low + (high - low) // 2 // MINUTE * MINUTE
        low, high = (middle, high) if middle.astimezone(place).utcoffset() == offset else (low, middle)
    return low.astimezone(place).replace(tzinfo=None), high.astimezone(place).replace(tzinfo=None)
