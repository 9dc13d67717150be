"""Sections, rows and seats: turns descriptions by staff into the rows that both stores keep.

A section is a ticket type. Seats are stored at their numbers, so neighbours have consecutive numbers. A
seat's id is SECTION-ROW-NUMBER, such as `stalls-a-12`; rows contain no hyphen, so it can be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from anyascii import anyascii

from app.core.catalogue import seat_numbering
from app.core.catalogue.definitions import ROW_SEATS_MAX, ROWS_MAX, SEATS_MAX, NewSeat, NewSeats, NewSection
from app.core.errors import ValidationFailed
from app.core.model import TicketTypeId
from app.core.text import typed
from app.core.waiting_room.rules import check_sale_window

FREE, HELD, SOLD, BLOCKED, GAP = "f", "h", "s", "b", "-"  # a seat's state, as one character
ACCESSIBLE, COMPANION, NEITHER = "a", "c", "."  # a seat's kind
KINDS = {"accessible": ACCESSIBLE, "companion": COMPANION}
SLUG_MAX = 40


class Seat(NamedTuple):
    """A seat of a row: neighbours have consecutive numbers, and the label is what people see."""

    number: int
    label: str
    state: str
    kind: str


class SeatRow(NamedTuple):
    """A row: `states` has a character for each number from `first` on; so does `kinds`, unless it is empty.

    A kind is a (accessible), c (companion) or . (neither). `labels`: the seats' labels, comma-separated,
    empty for a gap; "": the numbers are the labels.
    """

    row: str
    first: int
    states: str
    kinds: str = ""
    labels: str = ""

    def seats(self) -> Iterator[Seat]:
        """Its seats from left to right."""
        labels = self.labels.split(",") if self.labels else ()
        for at, state in enumerate(self.states):
            if state != GAP:
                label = labels[at] if labels else str(self.first + at)
                yield Seat(self.first + at, label, state, self.kinds[at] if self.kinds else NEITHER)

    def numbers(self) -> Iterator[int]:
        """The numbers of its seats."""
        return (number for number, state in enumerate(self.states, self.first) if state != GAP)

    def all_free(self) -> SeatRow:
        """The same row with no seat blocked or taken."""
        return self._replace(states="".join(GAP if it == GAP else FREE for it in self.states))


class Section(NamedTuple):
    """A ticket type with seats, the best rows first."""

    ticket_type_id: TicketTypeId
    name: str
    price: int
    rows: Sequence[SeatRow]
    sale_from: datetime | None = None
    sale_until: datetime | None = None
    hidden: bool = False
    tax_rate_bp: int = 0

    @property
    def total(self) -> int:
        """The number of its seats."""
        return sum(len(it.states) - it.states.count(GAP) for it in self.rows)


def seat_id(ticket_type_id: str, row: str, label: str) -> str:
    """Build a seat's id."""
    return f"{ticket_type_id}-{row}-{label}"


def type_of(seat: str) -> str:
    """The ticket type in a seat's id."""
    return seat.rsplit("-", 2)[0]


def natural_order(seat: str) -> tuple[str, int, str, int, str]:
    """Sort key that orders seats naturally: row b before row aa, seat 2 before seat 10."""
    section, row, label = seat.rsplit("-", 2)
    return section, len(row), row, len(label), label


def seat_words(seat: str) -> str:
    """Row and label of a seat, to be shown beside the name of its section."""
    row, label = seat_name(seat)
    return f"row {row} seat {label}"


def row_of(
    row: str,
    numbers: Sequence[int],
    blocked: Container[int] = (),
    kinds: Mapping[int, str] | None = None,
    labels: Mapping[int, str] | None = None,
) -> SeatRow:
    """Build a row from these numbers, ascending; those in `blocked` are not on sale."""
    first, last = numbers[0], numbers[-1]
    if last - first + 1 == len(numbers) and not (blocked or kinds or labels):
        return SeatRow(row, first, FREE * len(numbers))
    states = {number: BLOCKED if number in blocked else FREE for number in numbers}
    called = {number: str(number) for number in numbers} | dict(labels or {})
    numbered = range(first, last + 1)
    return SeatRow(
        row,
        first,
        "".join(states.get(it, GAP) for it in numbered),
        "".join(kinds.get(it, NEITHER) for it in numbered) if kinds else "",
        ",".join(called.get(it, "") for it in numbered) if labels else "",
    )


def row_with(row: str, seats: Sequence[Seat]) -> SeatRow:
    """Build a row from these seats, all free."""
    return row_of(
        row,
        [it.number for it in seats],
        kinds={it.number: it.kind for it in seats if it.kind != NEITHER},
        labels={it.number: it.label for it in seats if it.label != str(it.number)},
    )


def added_rows(existing: Sequence[SeatRow], requested: Sequence[SeatRow]) -> list[tuple[int, SeatRow]]:
    """What to add to existing rows to get the wanted ones: each row's index, and its new seats only.

    New rows come after the existing ones. Raises ValidationFailed for too many or too long rows, and for a
    seat whose position is taken.
    """
    numbers = {it.row: n for n, it in enumerate(existing, 1)}
    added = []
    for row in requested:
        number = numbers.setdefault(row.row, len(numbers) + 1)
        had = {it.label: it.number for it in existing[number - 1].seats()} if number <= len(existing) else {}
        if not (new := [it for it in row.seats() if it.label not in had]):
            continue
        places = {*had.values(), *(it.number for it in new)}
        if len(places) < len(had) + len(new):
            raise ValidationFailed("seats", f"overlap other seats of row {row.row.upper()}")
        if max(places) - min(places) >= ROW_SEATS_MAX or number > ROWS_MAX:
            raise ValidationFailed("seats", f"make row {row.row.upper()} longer than {ROW_SEATS_MAX} seats")
        added.append((number, row_with(row.row, new)))
    return added


def sections_of(new: NewSeats) -> list[Section]:
    """The sections that a request describes. Raises ValidationFailed naming the field."""
    if bool(new.sections) == bool(new.seats):
        text = "send either sections or seats" if new.seats else "names no seats; send sections, or seats"
        raise ValidationFailed("sections", text)
    return whole_sections(new.sections) if new.sections else _listed_sections(new.seats)


def whole_sections(sections: Sequence[NewSection], seats_max: int = SEATS_MAX) -> list[Section]:
    """Build sections from their dimensions. Raises ValidationFailed naming the field."""
    converted: list[Section] = []
    total = 0
    for i, new in enumerate(sections):
        ticket_type_id = new.ticket_type_id or _slug(new.name, f"sections[{i}].name")
        if any(ticket_type_id == it.ticket_type_id for it in converted):
            raise ValidationFailed(f"sections[{i}].name", f"gives a second section the id {ticket_type_id}")
        total += seat_numbering.seats_in(new)
        if total > seats_max:
            raise ValidationFailed(f"sections[{i}].rows", f"creates more than {seats_max:,} seats at once")
        rows = [
            row_with(name, [Seat(n, label, FREE, NEITHER) for n, label in enumerate(labels, 1) if label])
            for name, labels in seat_numbering.rows_of(new, f"sections[{i}]")
        ]
        check_sale_window(new.sale_from, new.sale_until, f"sections[{i}]")
        terms = (new.name, new.price, rows, new.sale_from, new.sale_until, new.hidden, new.tax_rate_bp)
        converted.append(Section(TicketTypeId(ticket_type_id), *terms))
    return converted


def _listed_sections(seats: Sequence[NewSeat]) -> list[Section]:
    """Group listed seats into sections and rows, in order of first mention."""
    listed: dict[str, tuple[NewSeat, dict[str, dict[int, int]]]] = {}
    slugs: dict[str, str] = {}
    for i, seat in enumerate(seats):
        slug = slugs.get(seat.section) or slugs.setdefault(
            seat.section, _slug(seat.section, f"seats[{i}].section")
        )
        first, rows = listed.setdefault(slug, (seat, {}))
        if typed.folded(seat.section) != typed.folded(first.section):
            raise ValidationFailed(f"seats[{i}].section", f"has the same id as {first.section}: {slug}")
        if seat.price != first.price:
            raise ValidationFailed(f"seats[{i}].price", f"differs; {first.section} costs {first.price}")
        numbers = rows.setdefault(seat.row.lower(), {})
        if seat.number in numbers:
            raise ValidationFailed(f"seats[{i}].number", "appears twice")
        numbers[seat.number] = i
    return [
        Section(TicketTypeId(slug), first.section, first.price, _listed_rows(seats, rows))
        for slug, (first, rows) in listed.items()
    ]


def _listed_rows(seats: Sequence[NewSeat], rows: dict[str, dict[int, int]]) -> list[SeatRow]:
    first_seat = next(iter(next(iter(rows.values())).values()))
    if len(rows) > ROWS_MAX:
        raise ValidationFailed(f"seats[{first_seat}].section", f"has more than {ROWS_MAX} rows")
    listed = []
    for row, numbers in rows.items():
        ordered = sorted(numbers)
        if ordered[-1] - ordered[0] >= ROW_SEATS_MAX:
            field = f"seats[{numbers[ordered[-1]]}].number"
            raise ValidationFailed(field, f"is {ROW_SEATS_MAX} or more above the first of its row")
        listed.append(row_with(row, [_listed(it, seats[numbers[it]]) for it in ordered]))
        if len({it.label for it in listed[-1].seats()}) < len(ordered):
            raise ValidationFailed(f"seats[{max(numbers.values())}].label", "is that of two seats")
    return listed


def _listed(number: int, new: NewSeat) -> Seat:
    return Seat(number, new.label.lower() or str(number), FREE, KINDS.get(new.kind, NEITHER))


class SeatName(NamedTuple):
    """A seat's row and label, beside the name of its section."""

    row: str
    number: str


def seat_name(seat: str) -> SeatName:
    """Split a seat's id into what people see."""
    _, row, label = seat.rsplit("-", 2)
    return SeatName(row.upper(), label.upper())


def slug_of(name: str) -> str:
    """Derive an id from a name in any script; "" if no character of it can be used."""
    plain = anyascii(typed.words(name)).lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_MAX].strip("-")


def new_slug(name: str, taken: Container[str], otherwise: str) -> str:
    """Derive an id that is not taken yet from a name, or else from `otherwise`."""
    slug = first = slug_of(name) or otherwise
    number = 1
    while slug in taken:
        number += 1
        slug = f"{first[: SLUG_MAX - 6].strip('-')}-{number}"
    return slug


def _slug(name: str, field: str) -> str:
    """Derive a section's id from its name. Raises ValidationFailed if no character of it can be used."""
    slug = slug_of(name)
    if not slug:
        raise ValidationFailed(field, "needs a letter a to z or a digit to form an id")
    return slug
