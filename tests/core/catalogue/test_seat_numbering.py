"""How sections are measured and their rows and seats numbered, in a definition and as typed by staff."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.catalogue import typed_seats
from app.core.catalogue.definitions import NewSeat, NewSeats, NewSection
from app.core.catalogue.seating import SeatRow, added_rows, sections_of, whole_sections
from app.core.errors import ValidationFailed

STALLS = {"name": "Stalls", "price": 700, "rows": 2, "seats_per_row": 4}


def rows(**fields: Any) -> list[SeatRow]:
    [made] = whole_sections([msgspec.convert(STALLS | fields, NewSection)])
    return list(made.rows)


def called(**fields: Any) -> list[str]:
    return [" ".join(seat.label for seat in row.seats()) for row in rows(**fields)]


@pytest.mark.parametrize(
    ("numbering", "first"),
    [
        ("left", "1 2 3 4 5"),
        ("right", "5 4 3 2 1"),
        ("odd", "1 3 5 7 9"),
        ("even", "2 4 6 8 10"),
        ("outwards", "5 3 1 2 4"),
    ],
)
def test_seats_are_called_by_a_scheme(numbering: str, first: str) -> None:
    assert called(seats_per_row=5, numbering=numbering) == [first, first]


def test_rows_are_unequal_and_have_aisles_over_which_numbers_go_on() -> None:
    unequal = {"rows": 3, "blocks": [[2, 3], [4]], "seats_per_row": None}
    assert [it.states for it in rows(**unequal)] == ["ff-fff", "ffff", "ffff"]
    assert called(**unequal) == ["1 2 3 4 5", "1 2 3 4", "1 2 3 4"]
    [first, second, _] = rows(**unequal)
    assert (first.labels, second.labels) == ("1,2,,3,4,5", "")


def test_rows_have_letters_numbers_or_names_of_their_own() -> None:
    assert [it.row for it in rows()] == ["a", "b"]
    assert [it.row for it in rows(naming="numbers")] == ["1", "2"]
    assert [it.row for it in rows(row_names=["AA", "Box1"])] == ["aa", "box1"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"seats_per_row": None}, "sections[0].seats_per_row"),
        ({"blocks": [[1]] * 3}, "sections[0].blocks"),
        ({"blocks": [[600, 600]]}, "sections[0].blocks"),
        ({"row_names": ["A"]}, "sections[0].row_names"),
        ({"row_names": ["A", "a"]}, "sections[0].row_names"),
    ],
)
def test_what_does_not_fit_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rows(**fields)
    assert refused.value.members["errors"][0]["field"] == field


def listed(*seats: tuple[str, int, str]) -> list[SeatRow]:
    new = [NewSeat(section="Box", row=row, number=n, label=label, price=1) for row, n, label in seats]
    return list(sections_of(NewSeats(seats=new))[0].rows)


def test_seats_have_labels_of_their_own_each_of_one_seat() -> None:
    assert listed(("a", 1, "1A"), ("a", 2, ""), ("a", 4, "X")) == [SeatRow("a", 1, "ff-f", labels="1a,2,,x")]
    with pytest.raises(ValidationFailed) as refused:
        listed(("a", 1, "2"), ("a", 2, ""))
    assert refused.value.members["errors"][0]["field"] == "seats[1].label"


def test_a_section_grows_by_seats_that_have_a_place() -> None:
    existing = rows(numbering="odd")
    assert added_rows(existing, existing) == []
    assert added_rows(existing, [*listed(("a", 6, "11")), *listed(("c", 1, ""))]) == [
        (1, SeatRow("a", 6, "f", labels="11")),
        (3, SeatRow("c", 1, "f")),
    ]
    with pytest.raises(ValidationFailed):
        added_rows(existing, listed(("a", 2, "")))  # seat 3 already exists


def test_rows_and_seats_are_typed() -> None:
    existing = rows(numbering="odd", rows=3)
    assert typed_seats.picked(existing, "a, C", "3-6") == [("a", "3"), ("a", "5"), ("c", "3"), ("c", "5")]
    assert len(typed_seats.picked(existing, "A \u2013 C", "")) == 12
    assert typed_seats.spans_text(["3", "1", "2", "x1", "9"]) == "1-3, 9, X1"
    assert typed_seats.row_names("y-ab, 3-4") == ["y", "z", "aa", "ab", "3", "4"]
    assert typed_seats.blocks(" 6+8 , 5 ") == [[6, 8], [5]]
    assert typed_seats.blocks("6+") is None
    assert [(it.row, it.number) for it in typed_seats.new_seats("S", 1, "d", "1-2,4")] == [
        ("d", 1),
        ("d", 2),
        ("d", 4),
    ]


@pytest.mark.parametrize(
    ("row_text", "seat_text", "field"),
    [("", "1", "rows"), ("q", "", "rows"), ("a", "2", "seats"), ("a-", "1", "rows"), ("a", "1-2-3", "seats")],
)
def test_what_is_not_there_is_said(row_text: str, seat_text: str, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        typed_seats.picked(rows(numbering="odd"), row_text, seat_text)
    assert refused.value.members["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("row_text", "seat_text"),
    [("d", ""), ("d", "1,1"), ("d", "0"), ("d-2", "1"), ("f-d", "1"), ("d.", "1"), ("d", "9-2")],
)
def test_new_seats_that_are_no_seats_are_refused(row_text: str, seat_text: str) -> None:
    with pytest.raises(ValidationFailed):
        typed_seats.new_seats("Stalls", 1, row_text, seat_text)
