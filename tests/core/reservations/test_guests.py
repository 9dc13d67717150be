"""Guest lists, as organisers keep them."""

from __future__ import annotations

import pytest

from app.core.errors import ValidationFailed
from app.core.model import TicketTypeId
from app.core.reservations.guests import LIST_MAX, NewGuest, list_of, read_list
from tests.support.sales import ticket_types

FLOOR, BALCONY = TicketTypeId("floor"), TicketTypeId("balcony")
ADA = NewGuest("Ada Lovelace", "ada@example.org", BALCONY, 2)


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace,ada@example.org,balcony,2",
        "\ufeffTickets;E-Mail;Seat;Name;Type\n2;ada@example.org;none; Ada  Lovelace ;BALCONY\n\n",
        "name\tticket type\tcount\temail\nAda Lovelace\tBalcony\t2\tada@example.org\n",
    ],
)
def test_columns_are_known_by_their_headings_or_come_in_order(text: str) -> None:
    assert read_list(text, ticket_types()) == [ADA]


def test_what_is_left_out_is_usual() -> None:
    found = read_list("Ada\nBob,,,3", ticket_types(), "floor")
    assert found == [NewGuest("Ada", "", FLOOR, 1), NewGuest("Bob", "", FLOOR, 3)]
    assert read_list("name\nAda", ticket_types({"floor": 1})) == found[:1]
    assert read_list(list_of([*found, ADA]), ticket_types()) == [*found, ADA]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "contains no guests"),
        ("Ada,ada@example.org,floor,0\nBob,nowhere,floor\n,x@example.org,floor", "row 1.*row 2.*row 3"),
        ("Ada,,box", "not a ticket type of this sale"),
        ("Ada", "is required"),
        ("Ada,,floor,101", "from 1 to 100"),
        ("Ada,,floor\n" * (LIST_MAX + 1), "more than 500"),
    ],
)
def test_it_says_which_line_is_wrong(text: str, words: str) -> None:
    with pytest.raises(ValidationFailed, match=words) as refused:
        read_list(text, ticket_types())
    assert refused.value.members["errors"][0]["field"] == "list"
