"""What a device reads from a ticket, and what it stores."""

from __future__ import annotations

import pytest

from app.core.reservations.attendees import seat_end
from app.core.reservations.check_ins import TypeCount, code_hash, code_in, totals

CODE = "0A1B2C3D4E5F60718293A4B5C6D7E8F9"


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        f"  {CODE.lower()}\n",
        "0A1B2C3D 4E5F6071-8293A4B5 C6D7E8F9",
        f"https://tickets.example/t/{CODE}",
        f"https://tickets.example/t/{CODE}/?from=mail",
        "\uff10" + CODE[1:],  # a full-width digit
    ],
)
def test_a_code_is_read_however_it_is_written(text: str) -> None:
    assert code_in(text) == CODE


def test_what_a_device_keeps_is_no_code_and_of_one_sale() -> None:
    stored_hash = code_hash("gala", CODE)
    assert len(stored_hash) == 16
    assert stored_hash not in CODE.lower()
    assert stored_hash == code_hash("gala", CODE) != code_hash("matinee", CODE)


def test_a_sale_has_the_tickets_of_its_types() -> None:
    types = [
        TypeCount(name="Floor", tickets=10, checked_in=4),
        TypeCount(name="Box", tickets=2, checked_in=0),
    ]
    assert (totals(types).tickets, totals(types).checked_in) == (12, 4)


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("A-12", "-a-12"),
        ("row a  SEAT 12", "-a-12"),
        ("aa 7", "-aa-7"),
        ("12", ""),
        ("Ann", ""),
        ("a-b-3", ""),
    ],
)
def test_a_seat_is_named_as_people_do(words: str, end: str) -> None:
    assert seat_end(words) == end
