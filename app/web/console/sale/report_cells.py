"""Formats the cells of a report, for people and for programs."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from app.core.clock import from_ms, in_zone
from app.core.currencies import major
from app.core.monitoring.report import Percentiles
from app.core.monitoring.sections import Cell
from app.core.text import formatting

NOTHING = Cell("\u2013", None)


class TimeCells:
    """Formats times in the event's zone."""

    def __init__(self, zone: str) -> None:
        self.zone = zone

    def at(self, at_ms: int) -> Cell:
        """A moment, to the second."""
        at = _moment(at_ms)
        return Cell(formatting.staff_time(at, self.zone), at)

    def between(self, begin_ms: int, end_ms: int) -> Cell:
        """A time span; programs get its beginning."""
        begin, end = _moment(begin_ms), formatting.staff_time(_moment(end_ms), self.zone, "short")
        return Cell(f"{in_zone(begin, ZoneInfo(self.zone)):%Y-%m-%d %H:%M:%S} \u2013 {end}", begin)


def _moment(at_ms: int) -> datetime:
    at = from_ms(at_ms)
    assert at is not None
    return at


def text(value: str) -> Cell:
    """A word or name."""
    return Cell(value, value)


def number(value: int) -> Cell:
    """e.g. 12,345."""
    return Cell(formatting.number(value), value)


def money(amount: int, currency: str) -> Cell:
    """An amount, from minor units."""
    return Cell(formatting.money(amount, currency), major(amount, currency))


def milliseconds(value: int) -> Cell:
    """e.g. 1,200 ms."""
    return Cell(f"{formatting.number(value)} ms", value)


def seconds(value: int | None) -> Cell:
    """e.g. 1:05 min; programs get seconds."""
    if value is None:
        return NOTHING
    if value < 60:
        return Cell(f"{value} s", value)
    minutes, rest = divmod(value, 60)
    if minutes < 60:
        return Cell(f"{minutes}:{rest:02} min", value)
    return Cell(f"{minutes // 60}:{minutes % 60:02}:{rest:02} h", value)


def share(part: int, total: int) -> Cell:
    """A percentage with one decimal."""
    if not total:
        return NOTHING
    percent = round(100 * part / total, 1)
    return Cell(f"{percent:.1f}%", str(percent))


def percentile(percentiles: Percentiles | None, name: str) -> Cell:
    """A percentile of these waits; empty without waits."""
    return seconds(None if percentiles is None else getattr(percentiles, name))
