"""How long a sale keeps buyers' data: in words, and as typed on the page of the buyer form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.clock import in_zone
from app.core.errors import ValidationFailed
from app.core.model import Event
from app.core.reservations.buyers import KEEP_DAYS_MAX, BuyerForm
from app.core.text import typed

NEVER = "never, unless they erase their data themselves"


def days_of(form: Mapping[str, str]) -> int | None:
    """The number of days typed; None for the installation's default. Raises ValidationFailed."""
    text = form.get("keep_days", "").strip()
    days = typed.whole_number(text) if text else None
    if text and (days is None or days > KEEP_DAYS_MAX):
        raise ValidationFailed("keep_days", f"must be a whole number up to {KEEP_DAYS_MAX:,}")
    return days


def as_in_all(days: int) -> str:
    """The default for sales without a setting of their own, in words."""
    return f"after {_days(days)}" if days else NEVER


def retention_words(event: Event, form: BuyerForm, days_of_all: int) -> str:
    """When the personal data of a sale's buyers is deleted, in words; "": never."""
    days = days_of_all if form.keep_days is None else form.keep_days
    if not days:
        return ""
    try:
        at = in_zone(event.starts_at + timedelta(days=days), ZoneInfo(event.timezone))
    except OverflowError:  # beyond the year 9999
        return ""
    what, when = "Names, addresses, phone numbers and answers of buyers", f"{at:%Y-%m-%d}"
    if at <= datetime.now(UTC):
        return f"{what} are deleted since {when}, {_days(days)} after the event. The books stay."
    return f"{what} are deleted on {when}, {_days(days)} after the event. The books stay."


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"
