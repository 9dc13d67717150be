"""Rows and seats under new names: what the form shows, what is typed, and which seats it renames."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.catalogue.definitions import ROW_SEATS_MAX
from app.core.catalogue.seat_names import NewName, labels_text, renamed
from app.core.catalogue.seating import SeatRow
from app.core.errors import ValidationFailed
from app.core.formats import LABEL

A, B = SeatRow("a", 1, "fff"), SeatRow("b", 1, "ff-f")


def rename(
    rows: Sequence[SeatRow], names: str, *seats: str, numbering: str = ""
) -> list[tuple[str, str, str | None]]:
    """The seats renamed by `names`, separated by spaces, and `seats`: was, is now, label."""
    found = renamed("stalls", rows, names.split(" "), seats, numbering)
    return [(it.was.removeprefix("stalls-"), it.is_now.removeprefix("stalls-"), it.label) for it in found]


def test_only_seats_that_get_another_name_are_renamed() -> None:
    assert rename([A], "A", "1-3") == []
    assert rename([A], "", "") == [], "what is left out stays"
    assert rename([A], "a", "1, 3, 2") == [("a-2", "a-3", "3"), ("a-3", "a-2", "2")]
    assert rename([A], "K", "1-3") == [("a-1", "k-1", None), ("a-2", "k-2", None), ("a-3", "k-3", None)]
    assert renamed("stalls", [A], ["a"], ["1, 2, X9"], "") == [
        NewName("stalls-a-3", "stalls-a-x9", "a", "x9")
    ]


def test_seats_are_typed_in_either_direction_and_one_by_one() -> None:
    assert rename([A], "a", "3-1") == [("a-1", "a-3", "3"), ("a-3", "a-1", "1")]
    assert rename([A], "a", "12 - 13, , 22A") == [
        ("a-1", "a-12", "12"),
        ("a-2", "a-13", "13"),
        ("a-3", "a-22a", "22a"),
    ]


def test_a_numbering_goes_before_what_is_typed() -> None:
    found = rename([B], "b", "nonsense!", numbering="right")
    assert found == [("b-1", "b-3", "3"), ("b-4", "b-1", "1")]


@pytest.mark.parametrize(
    ("names", "seats", "field", "why"),
    [
        ("a! b", ["1-3", "1-3"], "row-0", "letters and digits"),
        ("a abcdefghi", ["1-3", "1-3"], "row-1", "letters and digits"),
        ("c C", ["1-3", "1-3"], "row-1", "C is the name of two rows"),
        ("a b", ["1-3", "1-2"], "seats-1", "must name 3 seats, not 2"),
        ("a b", ["1, 2, 1", "1-3"], "seats-0", "1 is the name of two seats"),
        ("a b", ["x, y, X", "1-3"], "seats-0", "X is the name of two seats"),
        ("a b", [f"1-{ROW_SEATS_MAX + 1}", "1-3"], "seats-0", "at most 1,000 seats"),
        ("a b", ["999999-1", "1-3"], "seats-0", "at most 1,000 seats"),
        ("a b", ["1-3", "1, 2, too-long"], "seats-1", "1 to 6 letters and digits"),
        ("a b", ["1-3", "1, 2, 1234567"], "seats-1", "1 to 6 letters and digits"),
    ],
)
def test_what_cannot_be_a_name_is_refused_by_field(
    names: str, seats: list[str], field: str, why: str
) -> None:
    with pytest.raises(ValidationFailed, match=why) as refused:
        rename([A, B], names, *seats)
    assert refused.value.members["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ("1,2,3,4", "1-4"),
        ("4,3,2,1", "4-1"),
        ("1,2", "1, 2"),
        ("1,3,5", "1, 3, 5"),
        ("1,2,3,7,22a,23", "1-3, 7, 22A, 23"),
        ("3,2,1,2a", "3-1, 2A"),
        ("01,02,03", "01, 02, 03"),  # 01-03 would be read as 1, 2, 3
    ],
)
def test_the_form_shows_labels_as_they_are_typed(labels: str, text: str) -> None:
    row = SeatRow("a", 1, "f" * len(labels.split(",")), labels=labels)
    assert labels_text(row) == text
    assert rename([row], "A", text) == []


@given(
    st.lists(
        st.one_of(
            st.integers(0, 12).map(str),
            st.integers(0, 12).map("{:02}".format),
            st.from_regex(LABEL, fullmatch=True).filter(bool).map(str.lower),
        ),
        min_size=1,
        max_size=12,
        unique=True,
    )
)
def test_a_form_that_is_sent_as_it_was_shown_renames_nothing(labels: list[str]) -> None:
    row = SeatRow("a", 1, "f" * len(labels), labels=",".join(labels))
    assert rename([row], "A", labels_text(row)) == []
