"""Events in files: all errors are reported at once, with their lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from app.commands import event_file
from app.core.catalogue.definitions import EventDefinition

GOOD = """\
event_id: gala
name: Gala 🎷
starts_at: 2030-01-01T20:00:00+01:00
room:
  admission_rate_per_minute: 60
  opens_at: 2029-06-01T10:00:00Z
  closes_at: 2029-06-02T10:00:00Z
ticket_types:
  - {ticket_type_id: floor, name: Floor, price: 5000, quantity: 10}
  - ticket_type_id: balcony
    name: Balcony
    price: 3000
    quantity: 5
"""


def read(tmp_path: Path, text: str, name: str = "gala.yaml") -> EventDefinition:
    """What a file with this text defines."""
    path = tmp_path / name
    path.write_text(text)
    return event_file.read(path)


def faults(tmp_path: Path, text: str, name: str = "gala.yaml") -> list[str]:
    """The errors in a file with this text."""
    with pytest.raises(event_file.InvalidFile) as refused:
        read(tmp_path, text, name)
    return [str(it) for it in refused.value.faults]


def test_sections_are_read_and_told_by_line(tmp_path: Path) -> None:
    stalls = "  - {name: Stalls, price: 5000, rows: 10, seats_per_row: 20}\n"
    [section] = read(tmp_path, f"{GOOD}sections:\n{stalls}").sections
    assert (section.rows, section.seats_per_row) == (10, 20)
    assert faults(tmp_path, f"{GOOD}sections:\n{stalls}{stalls}") == [
        "line 16: sections[1].name: gives a second section the id stalls"
    ]


def test_yaml_and_json_define_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).ticket_types[1].quantity == 5
    plain = {**yaml.safe_load(GOOD), "starts_at": "2030-01-01T20:00:00+01:00"}
    plain["room"] = {**plain["room"], "opens_at": "2029-06-01T10:00:00Z", "closes_at": "2029-06-02T10:00:00Z"}
    for indent in (None, 2, "\t"):
        assert read(tmp_path, json.dumps(plain, indent=indent), "gala.json") == read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("price: 5000", "price: -1", "line 9: ticket_types[0].price: must be at least 0"),
        ("    quantity: 5\n", "", "line 10: ticket_types[1].quantity: is required"),
        (
            "    price: 3000",
            "    price: cheap",
            "line 12: ticket_types[1].price: must be a whole number, not text",
        ),
        ("price: 5000", "price: 0500", "line 9: ticket_types[0].price: must be a whole number, not text"),
        ("price: 5000", "price: 1:30", "line 9: ticket_types[0].price: must be a whole number, not text"),
        ("price: 5000", "price: 1_000", "line 9: ticket_types[0].price: must be a whole number, not text"),
        ("price: 5000", "price: 0x1F", "line 9: ticket_types[0].price: must be a whole number, not text"),
        ("+01:00\n", "+01:00\npublished: yes\n", "line 4: published: must be true or false, not text"),
        (
            "    quantity: 5\n",
            "    quantity: 5\n    price: 1\n",
            "line 14: ticket_types[1].price: appears twice",
        ),
        ("name: Gala", "event_id: x\nname: Gala", "line 2: event_id: appears twice"),
        ("price: 5000", "price: 5000, price: 1", "line 9: ticket_types[0].price: appears twice"),
        ("name: Gala", "timezone: Mars\nname: Gala", "line 2: timezone: is not a time zone"),
        ("name: Gala", "currency: ZZZ\nname: Gala", "line 2: currency: must be the ISO 4217 code"),
        ("name: Gala", "colour: red\nname: Gala", "line 2: colour: is not a known field"),
        ("  admission_rate", "  speed: 1\n  admission_rate", "line 5: room.speed: is not a known field"),
        ("+01:00", "", "line 3: starts_at: must have an offset from UTC"),
        ("2029-06-02", "2029-05-02", "line 7: room.closes_at: must be after opens_at"),
        ("balcony", "floor", "line 9: ticket_types[0].ticket_type_id: appears twice"),
        (
            "ticket_types:",
            "ticket_types: 5\nroom_types:",
            "line 8: ticket_types: must be a list, not",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert before in GOOD
    found = faults(tmp_path, GOOD.replace(before, after, 1))
    assert [it for it in found if it.startswith(expected)], found


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = (
        GOOD.replace("name: Gala 🎷", "title: Gala").replace("price: 5000", "price: -1").replace("60", "fast")
    )
    found = faults(tmp_path, text)
    assert [it.split(": ")[0:2] for it in found] == [
        ["line 1", "name"],
        ["line 2", "title"],
        ["line 5", "room.admission_rate_per_minute"],
        ["line 9", "ticket_types[0].price"],
    ]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "gala.yaml", "line 1: must be an object, not null"),
        ("just words", "gala.yaml", "line 1: must be an object, not text"),
        ("event_id: x\nname: [", "gala.yaml", "line 2: cannot be read"),
        ('{"event_id": "x",\n "name": }', "gala.json", "line 2: cannot be read"),
        ("a: 1\n--- \nb: 2\n", "gala.yaml", "line 2: cannot be read"),
        ("a: &a [*a]\n", "gala.yaml", "line 1: "),
        ("? [1]\n: 2\n", "gala.yaml", "line 1: "),
        ("name: !!python/object/apply:os.getcwd []\n", "gala.yaml", "line 1: cannot be read"),
    ],
)
def test_a_file_that_is_no_event_at_all(tmp_path: Path, text: str, name: str, expected: str) -> None:
    assert any(it.startswith(expected) for it in faults(tmp_path, text, name)), faults(tmp_path, text, name)


def test_a_key_twice_in_json_is_told_as_well(tmp_path: Path) -> None:
    text = '{"event_id": "gala", "name": "Gala",\n "starts_at": "2030-01-01T20:00:00Z",\n "name": "Ball"}'
    assert faults(tmp_path, text, "gala.json") == ["line 3: name: appears twice"]


def test_words_that_yaml_1_1_takes_for_something_else_are_words(tmp_path: Path) -> None:
    text = GOOD.replace("name: Gala \U0001f3b7", "name: No\nvenue: 12:30\nartist: on")
    found = read(tmp_path, text)
    assert (found.name, found.venue, found.artist) == ("No", "12:30", "on")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "gala.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(event_file.InvalidFile, match="line 1: is not UTF-8 text; nothing was imported"):
        event_file.read(path)
