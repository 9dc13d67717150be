"""Rows as CSV (RFC 4180), for the files that staff download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a formula begins with


def csv_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """These rows as CSV; times to the second, by the clock that they come with; "" for None."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(it) for it in row] for row in rows])
    return text.getvalue().encode()


def plain(text: str) -> str:
    """A text that people wrote, as no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in FORMULA else text


def safe(row: Sequence[object]) -> list[object]:
    """A row with each of its texts `plain`; numbers and times are no texts."""
    return [plain(it) if isinstance(it, str) else it for it in row]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:f}"  # never 0E-8
    return str(value)
