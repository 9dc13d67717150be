"""Parses rows and seats as staff type them: `a, c-e` and `1-6, 9`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from app.core.catalogue.definitions import ROW_SEATS_MAX, ROWS_MAX, NewSeat
from app.core.catalogue.seat_numbering import row_index, row_label
from app.core.catalogue.seating import Seat, SeatRow
from app.core.errors import ValidationFailed
from app.core.formats import ROW

ROWS, SEATS = "rows", "seats"
NUMBER_MAX = 99_999
DIGITS_MAX = 6


def picked(rows: Sequence[SeatRow], row_text: str, seat_text: str) -> list[tuple[str, str]]:
    """Select seats, as row and label, from existing rows; without labels all seats of a row.

    Raises ValidationFailed for the field `rows` or `seats`.
    """
    chosen = _rows_of(rows, row_text)
    spans = list(_parts(seat_text, SEATS))
    for first, last in spans:
        if not any(_is_in(seat, first, last) for row in chosen for seat in row.seats()):
            raise ValidationFailed(SEATS, f"{_span_text(first, last)} is not in {_named(chosen)}")
    return [
        (row.row, seat.label)
        for row in chosen
        for seat in row.seats()
        if not spans or any(_is_in(seat, first, last) for first, last in spans)
    ]


def new_seats(section: str, price: int, row_text: str, seat_text: str) -> list[NewSeat]:
    """Create the seats of rows that may be new: `d-f` are three rows, as `4-6` are. Raises
    ValidationFailed."""
    numbers = [number for first, last in _spans(seat_text) for number in range(first, last + 1)]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValidationFailed(SEATS, "names a seat twice" if numbers else "is missing, such as 1-20")
    return [
        NewSeat(section=section, row=row, number=number, price=price)
        for row in row_names(row_text)
        for number in numbers
    ]


def _is_in(seat: Seat, first: str, last: str) -> bool:
    if first == last:
        return seat.label == first
    numbers = [it for it in (seat.label, first, last) if it.isdecimal() and len(it) <= DIGITS_MAX]
    return len(numbers) == 3 and int(first) <= int(seat.label) <= int(last)


def spans_text(labels: Sequence[str]) -> str:
    """Seats of one row in the form that can be typed: 1-6, 9."""
    spans: list[tuple[int, int]] = []
    for number in sorted(int(label) for label in labels if label.isdecimal()):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    others = [label.upper() for label in labels if not label.isdecimal()]
    return ", ".join([*(_span_text(first, last) for first, last in spans), *others])


def _rows_of(rows: Sequence[SeatRow], text: str) -> list[SeatRow]:
    at = {it.row: n for n, it in enumerate(rows)}
    chosen: dict[int, SeatRow] = {}
    for first, last in _parts(text, ROWS):
        for name in (first, last):
            if name not in at:
                raise ValidationFailed(ROWS, f"there is no row {name.upper()}")
        chosen |= {n: rows[n] for n in range(at[first], at[last] + 1)}
    if not chosen:
        raise ValidationFailed(ROWS, "is missing, such as A or A-C")
    return [chosen[n] for n in sorted(chosen)]


def _names(first: str, last: str) -> Iterator[str]:
    """The rows of a range: letters, or numbers."""
    if not re.fullmatch(ROW, first):
        raise ValidationFailed(ROWS, f"{first} must be 1 to 8 letters and digits")
    if first == last:
        yield first
        return
    digits = first.isdigit()
    if digits != last.isdigit() or not (digits or re.fullmatch("[a-z]+", first + last)):
        raise ValidationFailed(ROWS, f"{first}-{last} is not a range, such as D-F or 4-6")
    begin, end = (int(first), int(last)) if digits else (row_index(first), row_index(last))
    if not 0 <= end - begin < ROWS_MAX:
        raise ValidationFailed(ROWS, f"{first}-{last} is not a range, such as D-F or 4-6")
    yield from (str(it) if digits else row_label(it) for it in range(begin, end + 1))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for first, last in _parts(text, SEATS):
        if not (first.isdecimal() and last.isdecimal() and len(first + last) <= 10):
            raise ValidationFailed(SEATS, f"{_span_text(first, last)} is not a number")
        begin, end = int(first), int(last)
        if not (0 < begin <= end <= NUMBER_MAX and end - begin < ROW_SEATS_MAX):
            raise ValidationFailed(SEATS, f"{_span_text(first, last)} is not a range, such as 1-20")
        yield begin, end


def _parts(text: str, field: str) -> Iterator[tuple[str, str]]:
    """Split `a, c-e` into its ranges, in lower case."""
    joined = re.sub(r"\s*[-\u2013]\s*", "-", text)
    for part in filter(None, re.split(r"[,;\s]+", joined)):
        first, _, last = part.lower().partition("-")
        if not first or "-" in last or part.endswith("-"):
            raise ValidationFailed(field, f"{part} is not a range")
        yield first, last or first


def _span_text(first: object, last: object) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _named(rows: Sequence[SeatRow]) -> str:
    names = ", ".join(it.row.upper() for it in rows[:3])
    return f"{'row' if len(rows) == 1 else 'rows'} {names}{' …' if len(rows) > 3 else ''}"


def row_names(text: str) -> list[str]:
    """Expand `a, b, d-f` to the names of rows, the front one first. Raises ValidationFailed for `rows`."""
    return [name for part in _parts(text, ROWS) for name in _names(*part)]


def blocks(text: str) -> list[list[int]] | None:
    """Parse `6+8+6, 5+8+5` into the block sizes of each row; None if it is malformed."""
    rows = [part.split("+") for part in re.split(r"\s*[,;]\s*", text.strip())]
    if not all(re.fullmatch(r"\s*[0-9]{1,4}\s*", it) for row in rows for it in row):
        return None
    return [[int(it) for it in row] for row in rows]
