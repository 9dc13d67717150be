"""Rows as CSV (RFC 4180), for the files that staff download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # the characters that start a formula


def csv_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """Encode rows as CSV. Times are written to the second, in their own zone; None as ""."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(it) for it in row] for row in rows])
    return text.getvalue().encode()


def plain(text: str) -> str:
    """Escape a text entered by people so that no spreadsheet runs it as a formula."""
    return f"'{text}" if text[:1] in FORMULA else text


def safe(row: Sequence[object]) -> list[object]:
    """Make each text of a row `plain`; numbers and times are left alone."""
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
