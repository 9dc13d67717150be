"""Sections, rows and seats: what staff describe, as the rows that both stores keep.

A section is a ticket type; the seats of a row stand at their numbers, so that neighbours have neighbouring
numbers. A seat's id is SECTION-ROW-NUMBER, as in `stalls-a-12`; rows have no hyphen, so it reads back.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from anyascii import anyascii

from app.core import typed
from app.core.definitions import ROW_SEATS_MAX, ROWS_MAX, SEATS_MAX, NewSeat, NewSeats, NewSection
from app.core.errors import ValidationFailed
from app.core.model import TicketTypeId
from app.core.rules import check_sale_window

FREE, HELD, SOLD, GAP = "f", "h", "s", "-"  # a seat's state, as one character
SLUG_MAX = 40


class SeatRow(NamedTuple):
    """A row: `states` has a character for each number from `first` on."""

    row: str
    first: int
    states: str

    def numbers(self) -> Iterator[int]:
        """The numbers of its seats."""
        return (number for number, state in enumerate(self.states, self.first) if state != GAP)


class Section(NamedTuple):
    """A ticket type with seats, the best rows first."""

    ticket_type_id: TicketTypeId
    name: str
    price: int
    rows: Sequence[SeatRow]
    sale_from: datetime | None = None
    sale_until: datetime | None = None

    @property
    def total(self) -> int:
        """How many seats it has."""
        return sum(len(it.states) - it.states.count(GAP) for it in self.rows)


def seat_id(ticket_type_id: str, row: str, number: int) -> str:
    """How a seat is called."""
    return f"{ticket_type_id}-{row}-{number}"


def type_of(seat: str) -> str:
    """The ticket type a seat's id names."""
    return seat.rsplit("-", 2)[0]


def natural_order(seat: str) -> tuple[str, int, str, int]:
    """Sorts seat ids as people count: row b before row aa, seat 2 before seat 10."""
    section, row, number = seat.rsplit("-", 2)
    return section, len(row), row, int(number)


def seat_words(seat: str) -> str:
    """A seat in words, beside the name of its section."""
    _, row, number = seat.rsplit("-", 2)
    return f"row {row.upper()} seat {number}"


def row_of(row: str, numbers: Sequence[int]) -> SeatRow:
    """The row that has these numbers, in ascending order."""
    first, last = numbers[0], numbers[-1]
    if last - first + 1 == len(numbers):
        return SeatRow(row, first, FREE * len(numbers))
    there = set(numbers)
    return SeatRow(row, first, "".join(FREE if it in there else GAP for it in range(first, last + 1)))


def sections_of(new: NewSeats) -> list[Section]:
    """The sections that a call describes. Raises ValidationFailed naming the field."""
    if bool(new.sections) == bool(new.seats):
        text = "send either sections or seats" if new.seats else "names no seats; send sections, or seats"
        raise ValidationFailed("sections", text)
    return whole_sections(new.sections) if new.sections else _listed_sections(new.seats)


def whole_sections(sections: Sequence[NewSection], seats_max: int = SEATS_MAX) -> list[Section]:
    """Sections of equal rows. Raises ValidationFailed naming the field."""
    made: list[Section] = []
    total = 0
    for i, new in enumerate(sections):
        ticket_type_id = new.ticket_type_id or _slug(new.name, f"sections[{i}].name")
        if any(ticket_type_id == it.ticket_type_id for it in made):
            raise ValidationFailed(f"sections[{i}].name", f"makes the id {ticket_type_id} a second time")
        total += new.rows * new.seats_per_row
        if total > seats_max:
            raise ValidationFailed(f"sections[{i}].rows", f"makes more than {seats_max:,} seats at once")
        rows = [SeatRow(_label(number), 1, FREE * new.seats_per_row) for number in range(new.rows)]
        check_sale_window(new.sale_from, new.sale_until, f"sections[{i}]")
        terms = (new.name, new.price, rows, new.sale_from, new.sale_until)
        made.append(Section(TicketTypeId(ticket_type_id), *terms))
    return made


def _listed_sections(seats: Sequence[NewSeat]) -> list[Section]:
    """Sections, and rows in them, in the order they are first named."""
    found: dict[str, tuple[NewSeat, dict[str, dict[int, int]]]] = {}
    slugs: dict[str, str] = {}
    for i, it in enumerate(seats):
        slug = slugs.get(it.section) or slugs.setdefault(it.section, _slug(it.section, f"seats[{i}].section"))
        first, rows = found.setdefault(slug, (it, {}))
        if typed.folded(it.section) != typed.folded(first.section):
            raise ValidationFailed(f"seats[{i}].section", f"makes the id {slug} of {first.section} again")
        if it.price != first.price:
            raise ValidationFailed(f"seats[{i}].price", f"differs; {first.section} costs {first.price}")
        numbers = rows.setdefault(it.row.lower(), {})
        if it.number in numbers:
            raise ValidationFailed(f"seats[{i}].number", "appears twice")
        numbers[it.number] = i
    return [
        Section(TicketTypeId(slug), first.section, first.price, _listed_rows(rows))
        for slug, (first, rows) in found.items()
    ]


def _listed_rows(rows: dict[str, dict[int, int]]) -> list[SeatRow]:
    first_seat = next(iter(next(iter(rows.values())).values()))
    if len(rows) > ROWS_MAX:
        raise ValidationFailed(f"seats[{first_seat}].section", f"has more than {ROWS_MAX} rows")
    made = []
    for row, numbers in rows.items():
        ordered = sorted(numbers)
        if ordered[-1] - ordered[0] >= ROW_SEATS_MAX:
            field = f"seats[{numbers[ordered[-1]]}].number"
            raise ValidationFailed(field, f"is {ROW_SEATS_MAX} or more above the first of its row")
        made.append(row_of(row, ordered))
    return made


class SeatName(NamedTuple):
    """A seat beside the name of its section."""

    row: str
    number: str


def seat_name(seat: str) -> SeatName:
    """The seat with this id, in words."""
    _, row, number = seat.rsplit("-", 2)
    return SeatName(row.upper(), number)


def slug_of(name: str) -> str:
    """An id derived from a name in any script; "" when no letter of it can be used."""
    plain = anyascii(typed.words(name)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_MAX].strip("-")


def new_slug(name: str, taken: Container[str], otherwise: str) -> str:
    """An id derived from a name, or from `otherwise`, that is not taken yet."""
    slug = first = slug_of(name) or otherwise
    number = 1
    while slug in taken:
        number += 1
        slug = f"{first[: SLUG_MAX - 6].strip('-')}-{number}"
    return slug


def _slug(name: str, field: str) -> str:
    """A section's id, derived from its name. Raises ValidationFailed when no letter of it can be used."""
    slug = slug_of(name)
    if not slug:
        raise ValidationFailed(field, "needs a letter a to z or a digit, to make an id of")
    return slug


def _label(number: int) -> str:
    """The name of a row: a, b ... z, aa, ab ..."""
    label = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        label = chr(ord("a") + letter) + label
    return label
