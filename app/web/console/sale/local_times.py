"""Local times typed by organisers. When clocks change, some do not exist and others are ambiguous."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.core.zones import around_skipped, offset_name, readings, shown_name

EXAMPLE = "enter a date and time such as 2027-05-31 20:00"
ASK = "this time comes twice that day, because clocks are set back: choose which one you mean"


class LocalTime(msgspec.Struct, frozen=True):
    """One of the two moments that an ambiguous time can mean."""

    at: datetime
    offset: str  # e.g. UTC+2; sent back by the form
    chosen: bool


def read(text: str, zone: str, offset: str) -> datetime | list[LocalTime] | str:
    """Return the moment of a local time; both moments if it is ambiguous; or what is wrong with it.

    `offset`: the choice made before for an ambiguous time, as `LocalTime.offset`.
    """
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            return EXAMPLE
        moments = readings(local, zone)
        if not moments:
            return _skipped(local, zone)
    except (ValueError, OverflowError):
        return EXAMPLE
    if len(moments) == 1:
        return moments[0]
    return [LocalTime(it, offset_name(it), offset_name(it) == offset) for it in moments]


def _skipped(local: datetime, zone: str) -> str:
    before, after = around_skipped(local, zone)
    form = "%H:%M" if before.date() == after.date() else "%Y-%m-%d %H:%M"
    return (
        f"there is no {local:%H:%M} on that day in {shown_name(zone)}, because clocks are set forward: "
        f"the nearest times are {before:{form}} and {after:{form}}"
    )
