"""Totals of a log: every event counts once, however the log is split."""

from __future__ import annotations

import pytest

from app.core.assurance.log_tally import LaneTally, Tally, by_lane, counted
from tests.core.assurance.test_fairness import FIFO, LOTTERY, export

STAFF = {"limits": 1, "to open": 1, "to paused": 1, "advanced": 1, "removed": 1}


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_it_is_the_same_in_pieces(piece: int) -> None:
    entries, tally = export(FIFO).entries, Tally()
    for at in range(0, len(entries), piece):
        tally = counted(tally, entries[at : at + piece])
    counts = {"began": 1, "reset": 0, "restored": 1, "joined": 8, "called": 6, "claimed": 2, "left": 1}
    assert tally.counts == {**counts, **STAFF, "no_show": 1, "passed tickets": 1}


def test_a_place_that_moved_is_one_and_who_was_removed_did_not_leave() -> None:
    lines = [
        "1 joined 1 ann",
        "2 left 1 ann",
        "2 joined 1 new",
        "3 left 1 new",
        "3 removed 1 new staff",
        "4 lost 7",
    ]
    found = counted(Tally(), lines).counts
    assert {name: n for name, n in found.items() if n} == {"joined": 1, "moved": 1, "removed": 1, "lost": 7}


def test_lanes_are_counted_and_who_is_in_none_is_in_the_ordinary_one() -> None:
    lines = ["1 joined 1 ann", "1 joined 2 bob 1", "2 joined 3 cyd 2", "3 called 2 bob 1", "3 called 1 ann"]
    tally = counted(Tally(), lines)
    assert by_lane(tally, 3) == [LaneTally(1, 1), LaneTally(1, 1), LaneTally(1, 0)]
    assert by_lane(tally, 1) == []


def test_entrants_who_leave_before_the_draw_and_the_next_who_join_are_two() -> None:
    assert counted(Tally(), ["1 left 0 ann", "1 joined 0 bob"]).counts == {"left": 1, "joined": 1}


def test_a_reset_begins_again_and_what_cannot_be_read_is_counted() -> None:
    tally = counted(
        Tally(), [*export(LOTTERY).entries, "9000000000000 began hall h fifo -", "1 set rate 5", "", "x"]
    )
    assert tally == Tally({"began": 1, "reset": 1, "unreadable": 2}, {"rate": "5"})
