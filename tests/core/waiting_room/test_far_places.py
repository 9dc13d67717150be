"""What the token and the status say about a place far from the front."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.catalogue.room_settings import check_settings
from app.core.errors import ValidationFailed
from app.core.lanes import Lane
from app.core.model import RoomSettings, RoomStatus, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.far_places import far_place, status_without_redis
from tests.support.builders import ROOM, a_row

SETTINGS = RoomSettings(name="Hall", exact_within=1_000)
STATUS = RoomStatus(
    now_ms=0,
    version=1,
    epoch=2,
    state="open",
    serving_position=5_000,
    last_number=100_000,
    waiting=90_000,
    called=0,
    active=0,
    outflow_per_minute=0,
    available=None,
    opened_at_ms=1,
    generation="g",
)


def claims(number: int | None, **changes: Any) -> PlaceClaims:
    token = PlaceClaims(room_id=ROOM, visitor_id=VisitorId("v"), queue_number=number, epoch=2, generation="g")
    return msgspec.structs.replace(token, **changes)


def test_far_away_the_distance_is_the_place() -> None:
    found = far_place(SETTINGS, claims(50_000, quantity=2), STATUS)
    assert found is not None
    assert (found.state, found.queue_number, found.ahead, found.about) == ("waiting", 50_000, 44_999, True)
    assert (found.token_number, found.quantity) == (50_000, 2)


def test_not_more_are_ahead_than_wait() -> None:
    found = far_place(SETTINGS, claims(100_000), STATUS)
    assert found is not None
    assert found.ahead == 89_999  # 95,000 numbers, 5,000 of which are known to have left
    newer = far_place(SETTINGS, claims(100_010), STATUS)  # joined after the status was read
    assert newer is not None
    assert newer.ahead == 90_009


def test_in_a_room_in_parts_those_ahead_are_estimated_as_a_share_of_all_who_wait() -> None:
    """Parts skip numbers: of 95,000, only 9,500 were given to somebody who still waits."""
    settings = msgspec.structs.replace(SETTINGS, parts=4)
    few = msgspec.structs.replace(STATUS, waiting=9_500)
    for number, ahead in ((52_500, 4_750), (100_000, 9_499)):
        found = far_place(settings, claims(number), few)
        assert found is not None
        assert (found.ahead, found.about) == (ahead, True)


def test_near_the_front_places_are_looked_up() -> None:
    assert far_place(SETTINGS, claims(6_000), STATUS) is None
    assert far_place(SETTINGS, claims(6_001), STATUS) is not None
    assert far_place(SETTINGS, claims(4_000), STATUS) is None


@pytest.mark.parametrize("token", [{"epoch": 1}, {"epoch": -1}, {"generation": "h"}, {"queue_number": None}])
def test_who_may_have_to_be_put_back_is_looked_up(token: dict[str, Any]) -> None:
    assert far_place(SETTINGS, claims(50_000, **token), STATUS) is None


@pytest.mark.parametrize("state", ["scheduled", "closed"])
def test_a_room_without_a_queue_looks_places_up(state: Any) -> None:
    assert far_place(SETTINGS, claims(50_000), msgspec.structs.replace(STATUS, state=state)) is None


def test_nothing_changes_where_nobody_chose_it() -> None:
    assert far_place(RoomSettings(name="Hall"), claims(50_000), STATUS) is None


def test_numbers_of_a_pre_queue_are_not_shown() -> None:
    found = far_place(
        SETTINGS, claims(3), msgspec.structs.replace(STATUS, state="prequeue", serving_position=0)
    )
    assert found is not None
    assert (found.state, found.queue_number, found.ahead, found.token_number) == ("prequeue", None, None, 3)


def test_in_lanes_there_is_no_one_front() -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_settings(msgspec.structs.replace(SETTINGS, lanes=[Lane(name="Club", share=20)]))
    assert refused.value.members["errors"][0]["field"] == "exact_within"


def test_postgres_alone_is_enough_for_a_bound() -> None:
    room = msgspec.structs.replace(a_row(state="open").room, numbers_reserved=9_000, serving_position=1_000)
    found = far_place(
        SETTINGS, claims(8_000, epoch=1, generation=room.generation), status_without_redis(room)
    )
    assert found is not None
    assert found.ahead == 6_999


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.data())
def test_it_is_never_less_than_the_people_ahead(stays: list[bool], data: st.DataObject) -> None:
    """Some left at arbitrary positions and some were called; the visitor who asks is still waiting."""
    serving = data.draw(st.integers(0, len(stays) - 1))
    number = data.draw(st.integers(serving + 1, len(stays)))
    waits = [it for it, stay in enumerate(stays, 1) if it > serving and (stay or it == number)]
    status = msgspec.structs.replace(
        STATUS, serving_position=serving, last_number=len(stays), waiting=len(waits)
    )
    found = far_place(msgspec.structs.replace(SETTINGS, exact_within=0), claims(number), status)
    assert found is not None
    assert found.ahead is not None
    assert sum(it < number for it in waits) <= found.ahead < number - serving
