"""How a description typed by staff becomes rows of seats."""

from __future__ import annotations

from random import Random

import pytest

from app.core.catalogue.definitions import SEATS_MAX, NewSeat, NewSeats, NewSection
from app.core.catalogue.seating import (
    natural_order,
    seat_id,
    seat_words,
    sections_of,
    type_of,
    whole_sections,
)
from app.core.errors import ValidationFailed


def section(name: str, rows: int = 1, seats_per_row: int = 1) -> NewSection:
    return NewSection(name=name, price=100, rows=rows, seats_per_row=seats_per_row)


@pytest.mark.parametrize(
    ("name", "ticket_type_id"),
    [
        ("Stalls", "stalls"),
        ("Upper Circle, left!", "upper-circle-left"),
        ("Großer Saal — Süd", "grosser-saal-sud"),
        ("  2nd--Floor ", "2nd-floor"),
        ("x" * 60, "x" * 40),
        ("x" * 39 + " y", "x" * 39),
    ],
)
def test_a_section_is_called_by_the_slug_of_its_name(name: str, ticket_type_id: str) -> None:
    [made] = whole_sections([section(name)])
    assert (made.ticket_type_id, made.name) == (ticket_type_id, name)


def test_rows_are_labelled_as_in_a_theatre() -> None:
    [made] = whole_sections([section("Stalls", rows=704, seats_per_row=2)])
    labels = [it.row for it in made.rows]
    assert len(set(labels)) == 704
    assert [labels[i] for i in (0, 25, 26, 27, 701, 702, 703)] == ["a", "z", "aa", "ab", "zz", "aaa", "aab"]
    assert made.total == 1408


def test_seats_sort_as_people_count() -> None:
    ordered = ["circle-b-1", "stalls-a-2", "stalls-a-10", "stalls-b-1", "stalls-aa-1"]
    assert sorted(Random(1).sample(ordered, 5), key=natural_order) == ordered


def test_a_seat_reads_back() -> None:
    seat = seat_id("upper-circle", "aa", "7")
    assert (seat, type_of(seat), seat_words(seat)) == ("upper-circle-aa-7", "upper-circle", "row AA seat 7")


def test_as_many_as_a_call_takes_and_one_more() -> None:
    most = [section("A", 500, 100)]
    assert whole_sections(most)[0].total == SEATS_MAX
    with pytest.raises(ValidationFailed, match=r"sections\[1\].rows"):
        whole_sections([*most, section("B")])


def test_a_list_keeps_the_order_it_names_rows_in() -> None:
    places = [("b", 2), ("a", 5), ("b", 1), ("a", 3)]
    seats = [NewSeat(section="Box", row=row, number=number, price=100) for row, number in places]
    [box] = sections_of(NewSeats(seats=seats))
    assert [it[:3] for it in box.rows] == [("b", 1, "ff"), ("a", 3, "f-f")]
    assert box.total == 4
    assert [list(it.numbers()) for it in box.rows] == [[1, 2], [3, 5]]
