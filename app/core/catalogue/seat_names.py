"""Renaming the rows and seats of a section: parses what is typed, and finds the seats it renames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.core.catalogue.definitions import ROW_SEATS_MAX, Numbering
from app.core.catalogue.seat_numbering import numbers
from app.core.catalogue.seating import Seat, SeatRow, seat_id
from app.core.errors import ValidationFailed
from app.core.formats import LABEL, ROW

_ROW, _LABEL = re.compile(ROW), re.compile(LABEL)
_SPAN = re.compile(r"(\d{1,6})\s*-\s*(\d{1,6})", re.ASCII)


class NewName(NamedTuple):
    """A seat that gets another id; `label`: its new label, None if that is its number."""

    was: str
    is_now: str
    row: str
    label: str | None


def labels_text(row: SeatRow) -> str:
    """A row's seat labels from left to right, as they can be typed: `1-20`, `20-1` or `1, 3, 5`."""
    runs: list[list[str]] = []
    step = 0
    for name in (seat.label for seat in row.seats()):
        by = _step(runs[-1][-1], name) if runs else 0
        if runs and by and step in (0, by):
            runs[-1].append(name)
            step = by
        else:
            runs.append([name])
            step = 0
    return ", ".join(
        f"{it[0]}-{it[-1]}" if len(it) > 2 else ", ".join(label.upper() for label in it) for it in runs
    )


def renamed(
    ticket_type_id: str, rows: Sequence[SeatRow], names: Sequence[str], seats: Sequence[str], numbering: str
) -> list[NewName]:
    """The seats whose id changes under these names, given for all rows from the front and for their seats.

    `numbering` numbers the seats of each row in that way instead; "": as typed. Raises ValidationFailed
    naming the field: `row-2`, `seats-2`.
    """
    renames, seen = list[NewName](), set[str]()
    for n, row in enumerate(rows):
        name = names[n].strip().lower() or row.row
        if not _ROW.match(name):
            raise ValidationFailed(f"row-{n}", "must be 1 to 8 letters and digits")
        if name in seen:
            raise ValidationFailed(f"row-{n}", f"{name.upper()} is the name of two rows")
        seen.add(name)
        in_row = list(row.seats())
        labels = _labels(in_row, seats[n], numbering, f"seats-{n}")
        for seat, label in zip(in_row, labels, strict=True):
            was, is_now = (seat_id(ticket_type_id, *it) for it in ((row.row, seat.label), (name, label)))
            if was != is_now:
                renames.append(NewName(was, is_now, name, None if label == str(seat.number) else label))
    return renames


def _labels(seats: Sequence[Seat], text: str, numbering: str, field: str) -> list[str]:
    if numbering in ("left", "right", "odd", "even", "outwards"):
        way: Numbering = numbering  # type: ignore[assignment]  # checked above
        return [str(it) for it in numbers(len(seats), way)]
    labels = list(_typed(text, field)) or [it.label for it in seats]
    if len(labels) != len(seats):
        raise ValidationFailed(field, f"must name {len(seats)} seats, not {len(labels)}")
    if twice := next((it for n, it in enumerate(labels) if it in labels[:n]), None):
        raise ValidationFailed(field, f"{twice.upper()} is the name of two seats")
    return labels


def _typed(text: str, field: str) -> Iterator[str]:
    """Expand typed labels: `1-20` counts up, `20-1` counts down, anything else is a label."""
    for part in (it.strip().lower() for it in text.split(",")):
        if span := _SPAN.fullmatch(part):
            first, last = int(span[1]), int(span[2])
            if abs(last - first) >= ROW_SEATS_MAX:
                raise ValidationFailed(field, f"must be at most {ROW_SEATS_MAX:,} seats")
            yield from map(str, range(first, last + 1) if first <= last else range(first, last - 1, -1))
        elif part:
            if not _LABEL.match(part):
                raise ValidationFailed(field, "must be names of 1 to 6 letters and digits, such as 1-20, 22A")
            yield part


def _step(before: str, after: str) -> int:
    """1 or -1 if one number follows the other, up or down; else 0, also for `01`, which is read as 1 in
    `01-20`."""
    if not all(it.isdecimal() and it == str(int(it)) for it in (before, after)):
        return 0
    by = int(after) - int(before)
    return by if abs(by) == 1 else 0
