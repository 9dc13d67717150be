"""Times that organisers type by the clock of a zone; a change of the clocks skips or doubles some of them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.core.zones import around_skipped, offset_name, readings, shown_name

EXAMPLE = "enter a date and time such as 2027-05-31 20:00"
ASK = "this time comes twice that day, because clocks are set back: choose which one you mean"


class LocalTime(msgspec.Struct, frozen=True):
    """One of the two moments that a time can be in the hour that is doubled."""

    at: datetime
    offset: str  # UTC+2; what the form sends back
    chosen: bool


def read(text: str, zone: str, offset: str) -> datetime | list[LocalTime] | str:
    """The moment of a local time of a zone, or both of the hour that is doubled; or what is wrong with it.

    `offset`: which of both was chosen before, as `LocalTime.offset`.
    """
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            return EXAMPLE
        found = readings(local, zone)
        if not found:
            return _skipped(local, zone)
    except (ValueError, OverflowError):
        return EXAMPLE
    if len(found) == 1:
        return found[0]
    return [LocalTime(it, offset_name(it), offset_name(it) == offset) for it in found]


def _skipped(local: datetime, zone: str) -> str:
    before, after = around_skipped(local, zone)
    form = "%H:%M" if before.date() == after.date() else "%Y-%m-%d %H:%M"
    return (
        f"there is no {local:%H:%M} on that day in {shown_name(zone)}, because clocks are set forward: "
        f"the nearest times are {before:{form}} and {after:{form}}"
    )
