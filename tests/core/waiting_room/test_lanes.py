"""Lanes: which lane an id belongs to, and how many calls a place in it is away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import lanes
from app.core.catalogue.room_settings import check_settings
from app.core.errors import ProofRefused, ValidationFailed
from app.core.gate.knownuser import queue_id, visitor_of
from app.core.lanes import Lane, calls_before, shares, shares_text
from app.core.model import RoomSettings, VisitorId
from app.core.tokens.place_tokens import new_member_id, new_visitor_id
from app.core.waiting_room.members import is_member, lane_named, lane_of
from app.core.waiting_room.newcomers import carried_to, is_suspect
from tests.simulation.lanes import Lanes

MEMBERS = [Lane(name="Members", share=30), Lane(name="Wheelchair users", share=10)]


def test_the_id_of_a_member_says_the_lane_and_no_other_does() -> None:
    assert [lane_of(new_member_id(lane)) for lane in range(8)] == list(range(8))
    assert all(is_member(new_member_id(lane)) for lane in range(8))
    assert {lane_of(new_visitor_id()), lane_of(new_visitor_id("net1"))} == {0}
    for lane in range(8):  # connectors carry it too
        visitor = new_member_id(lane)
        assert visitor_of(queue_id(visitor)) == visitor


def test_the_id_of_a_suspect_says_the_lane_and_stays_with_the_place() -> None:
    clean, other = new_visitor_id("net1"), new_visitor_id("net2")
    suspect = VisitorId(f"{clean}a3")
    assert (lane_of(suspect), is_suspect(suspect), is_member(suspect)) == (3, True, False)
    assert visitor_of(queue_id(suspect)) == suspect
    # A place carried to another browser keeps its lane, whatever lane that browser was in.
    assert carried_to(suspect, other) == f"{other}a3"
    assert carried_to(clean, VisitorId(f"{other}a3")) == other
    assert carried_to(suspect, member := new_member_id(1)) == member


def test_suspects_need_a_lane_of_the_room() -> None:
    with pytest.raises(ValidationFailed):
        check_settings(RoomSettings(name="Gala", lanes=MEMBERS, suspects_lane="Slower"))
    check_settings(RoomSettings(name="Gala", lanes=MEMBERS, suspects_lane="Members"))


def test_shares_leave_the_rest_to_everybody_else() -> None:
    assert shares(MEMBERS) == [60, 30, 10]
    assert (shares([]), shares_text([]), shares_text(MEMBERS)) == ([], "", "60 30 10")
    assert [lane_named(it, MEMBERS) for it in ("", "Members", "Wheelchair users")] == [0, 1, 2]
    with pytest.raises(ProofRefused):
        lane_named("Press", MEMBERS)


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=3).map(lambda it: [100 - sum(it), *it]),
    st.data(),
)
def test_the_estimate_is_what_the_round_robin_does(share: list[int], data: st.DataObject) -> None:
    waiting = [data.draw(st.integers(0, 40)) for _ in share]
    lane = data.draw(st.integers(0, len(share) - 1))
    if not waiting[lane]:
        return
    position = data.draw(st.integers(1, waiting[lane]))
    turns = Lanes().divide(sum(waiting), [*waiting], share)
    called = [at for at, it in enumerate(turns, 1) if it == lane][position - 1]
    quantum = len(share) * (1 + 100 / share[lane])
    assert abs(called - calls_before(position, lane, share, waiting)) <= quantum


def test_one_lane_alone_is_called_without_a_pause() -> None:
    assert calls_before(7, 1, [60, 30, 10], [0, 9, 0]) == 7
    assert calls_before(3, 1, [60, 30, 10], [100, 9, 100]) == 3 + 6 + 1
    assert lanes.LANE_BAND > 2**43
