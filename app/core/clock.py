"""Times: integer milliseconds inside, RFC 3339 in UTC outside. Nothing here waits or sleeps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

REDIS_TIME = 0  # passed as `now_ms` to a script: read Redis TIME, so that all hosts share one clock


def now_ms() -> int:
    """This host's wall clock in ms; only for times that no other host compares (token ages, log lines)."""
    return time.time_ns() // 1_000_000


def to_ms(at: datetime | None) -> int:
    """Milliseconds since the epoch, as in Redis; 0 for None."""
    return 0 if at is None else round(at.timestamp() * 1000) or 1


def from_ms(ms: int | None) -> datetime | None:
    """The aware UTC datetime nearest to a millisecond count; None for None and 0."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC) if ms else None
    except (ValueError, OverflowError):
        return (datetime.min if ms and ms < 0 else datetime.max).replace(tzinfo=UTC)


def in_zone(at: datetime, zone: tzinfo = UTC) -> datetime:
    """The same moment in this zone; the nearest representable one at the ends of the calendar."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return (datetime.max if at.year > datetime.min.year + 1 else datetime.min).replace(tzinfo=zone)
