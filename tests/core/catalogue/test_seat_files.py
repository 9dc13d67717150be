"""Seat files: what is accepted, what is refused and where, and that what we write can be read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.catalogue import seat_files
from app.core.catalogue.seating import SeatRow, sections_of
from app.core.errors import ValidationFailed
from app.core.model import TicketType, TicketTypeId

CHART: dict[str, Any] = {
    "name": "Hall",
    "categories": {"list": [{"key": 1, "label": "Gold"}, {"key": "2", "label": "Silver"}]},
    "subChart": {
        "rows": [{"label": "A", "seats": [{"label": "7", "categoryKey": 1}]}],
        "sections": [
            {
                "label": "Left",
                "subChart": {"rows": [{"label": "B", "seats": [{"label": "1", "categoryKey": 2}]}]},
            }
        ],
    },
}
OURS = {"sections": [{"name": "Stalls", "price": 700, "rows": [{"row": "a", "first": 3, "states": "f-ff"}]}]}


def seats(text: str, price: int | None = None) -> list[tuple[str, str, int, int]]:
    found = seat_files.read(text, price, 2).new.seats
    return [(it.section, it.row, it.number, it.price) for it in found]


def test_unequal_rows_with_an_aisle_in_csv() -> None:
    text = "Section;Row;Number;Price\nStalls;A;1;70.50\nStalls;A;3;70,50\nStalls;B;11;70.50\n"
    assert seats(text) == [("Stalls", "A", 1, 7050), ("Stalls", "A", 3, 7050), ("Stalls", "B", 11, 7050)]


def test_a_chart_of_seats_io_makes_a_section_for_each_category() -> None:
    assert seats(json.dumps(CHART), 500) == [("Gold", "A", 7, 500), ("Left Silver", "B", 1, 500)]


def test_what_is_written_reads_back() -> None:
    rows = [SeatRow("a", 3, "f-hs"), SeatRow("b", 1, "f")]
    sold = TicketType(
        ticket_type_id=TicketTypeId("stalls"), name="Stalls", price=700, total=4, held=1, sold=1, seated=True
    )
    text = seat_files.seats_file([sold], {"stalls": rows}, {}).decode()
    [section] = sections_of(seat_files.read(text, None, 2).new)
    assert (section.name, section.price) == ("Stalls", 700)
    assert section.rows == [SeatRow("a", 3, "f-ff"), SeatRow("b", 1, "f")]


def test_labels_are_read_and_written() -> None:
    seats_of_row = [{"label": it, "categoryKey": 1} for it in ("5", "3", "1")]
    chart = {**CHART, "subChart": {"rows": [{"label": "A", "seats": seats_of_row}]}}
    text = "section,row,number,price,label\nGold,A,1,5,5\nGold,A,2,5,3\nGold,A,3,5,1\n"
    row = {"row": "a", "first": 1, "states": "fff", "labels": ["5", "3", "1"]}
    ours = {"sections": [{"name": "Gold", "price": 500, "rows": [row]}]}
    for it in (json.dumps(chart), text, json.dumps(ours)):
        [section] = sections_of(seat_files.read(it, 500, 2).new)
        assert section.rows == [SeatRow("a", 1, "fff", labels="5,3,1")]
    sold = TicketType(
        ticket_type_id=TicketTypeId("gold"), name="Gold", price=500, total=3, held=0, sold=0, seated=True
    )
    assert json.loads(seat_files.seats_file([sold], {"gold": section.rows}, {}))["sections"][0]["rows"] == [
        row
    ]


def test_accessible_and_companion_seats_are_read_from_all_of_them_and_written() -> None:
    seat = {"label": "1", "categoryKey": 1, "accessible": True}
    beside = {"label": "2", "categoryKey": 1, "companionSeat": True}
    chart = {**CHART, "subChart": {"rows": [{"label": "A", "seats": [seat, beside]}]}}
    text = "section,row,number,price,kind\nGold,A,1,5,accessible\nGold,A,2,5,Companion\n"
    ours = {"sections": [{"name": "Gold", "price": 500, "rows": [{"row": "a", "states": "ac"}]}]}
    for it in (json.dumps(chart), text, json.dumps(ours)):
        [section] = sections_of(seat_files.read(it, 500, 2).new)
        assert section.rows == [SeatRow("a", 1, "ff", "ac")]
    sold = TicketType(
        ticket_type_id=TicketTypeId("gold"), name="Gold", price=500, total=2, held=0, sold=0, seated=True
    )
    again = seat_files.seats_file([sold], {"gold": section.rows}, {})
    assert json.loads(again)["sections"][0]["rows"] == [{"row": "a", "first": 1, "states": "ac"}]


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("", "file", "no column section"),
        ("section,row,number\n", "file", "no seats"),
        ("section,row,number\nStalls,A,1\n", "price", "is required"),
        ("section,row,number,price\nStalls,A,1,much\n", "file", "row 2: much"),
        ("section,row,number,price\nStalls,A,1,5\nStalls,A,x,5\n", "file", "row 3: seat 'x'"),
        ("section,row,number,price\nStalls,A-1,1,5\n", "file", "row 2: row 'A-1'"),
        ("section,row,number,price\n,A,1,5\n", "file", "no section"),
        ("section,row,number,price,kind\nS,A,1,5,wide\n", "file", "row 2: wide"),
        ("{", "file", "not JSON"),
        ('{"sections": [{"name": "S"}]}', "file", "rows"),
        ('{"subChart": {}}', "file", "seats.io"),
        (
            '{"sections": [{"name": "S", "rows": [{"row": "a", "states": "ff", "labels": ["1"]}]}]}',
            "file",
            "labels",
        ),
        ("section,row,number,price,label\nS,A,1,5,a-b\n", "file", "row 2: seat 'a-b'"),
    ],
)
def test_what_is_wrong_is_said(text: str, field: str, words: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        seat_files.read(text, None, 2)
    [error] = refused.value.members["errors"]
    assert error["field"] == field
    assert words in error["message"]


def test_seats_that_are_kept_off_sale_are_read_and_written() -> None:
    text = (
        "section,row,number,price,label,kept\n"
        "Gold,A,1,5,,blocked\nGold,A,2,5,,\nGold,A,3,5,,House\nGold,B,1,5,x1,house\n"
    )
    found = seat_files.read(text, None, 2)
    kept = {"blocked": ["gold-a-1"], "house": ["gold-a-3", "gold-b-x1"]}
    assert found.kept == kept
    [section] = sections_of(found.new)
    gold = TicketType(
        ticket_type_id=TicketTypeId("gold"), name="Gold", price=500, total=4, held=0, sold=0, seated=True
    )
    off_sale = {seat: kept_as for kept_as, ids in kept.items() for seat in ids}
    ours = seat_files.seats_file([gold], {"gold": section.rows}, off_sale).decode()
    rows = json.loads(ours)["sections"][0]["rows"]
    assert [it.get("kept") for it in rows] == ["b-h", "h"]
    assert seat_files.read(ours, None, 2).kept == kept
    for wrong in (text.replace("House", "vip"), ours.replace('"b-h"', '"b-"')):
        with pytest.raises(ValidationFailed, match="row"):
            seat_files.read(wrong, None, 2)
