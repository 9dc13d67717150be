"""A report as tables: the same for a page, a PDF and a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import msgspec

Value = int | str | Decimal | datetime | None


class Cell(msgspec.Struct, frozen=True):
    """A figure in two forms: for people, and for programs."""

    text: str
    value: Value


class Section(msgspec.Struct, frozen=True):
    """A table with its heading. The first cell of a row says what the row is about."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""
    empty: str = ""  # shown if there are no rows
    figures: bool = True  # columns after the first are numbers, not text


def flat(sections: list[Section]) -> Iterator[tuple[str, Value, str, Value]]:
    """Flatten to single figures: section, subject of the row, column, value."""
    for section in sections:
        for about, *cells in section.rows:
            for column, cell in zip(section.columns[1:], cells, strict=True):
                yield section.title, about.value, column, cell.value
