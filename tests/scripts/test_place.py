"""place.lua: the exact place; polling gains nothing."""

from __future__ import annotations

import pytest

from app.core.model import Place
from app.store.scripts import room
from app.store.scripts.admission import raise_numbers
from app.store.scripts.room import NotLoaded, RefusedRecord
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor, ask_record, change_room, token
from tests.support.queue_steps import claim, crowd, get_places, join, only, states, tick


async def test_people_really_ahead_are_counted(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob, cem = await crowd(redis, 3)
    assert only(await get_places(redis, cem)).ahead == 2
    await room.leave(redis, KEYS, bob, now_ms=NOW)
    place = only(await get_places(redis, cem))
    assert (place.state, place.queue_number, place.ahead) == ("waiting", 3, 1)
    assert only(await get_places(redis, ann)).ahead == 0


async def test_called_and_active_tell_their_deadlines(redis: Client) -> None:
    await a_room(redis, claim_window_s=30, session_ttl_s=60)
    (ann,) = await crowd(redis, 1)
    called = only(await get_places(redis, ann))
    assert (called.state, called.queue_number, called.claim_by_ms) == ("called", 1, NOW + 30_000)
    await claim(redis, ann)
    active = only(await get_places(redis, ann))
    assert (active.state, active.queue_number, active.session_expires_at_ms) == ("active", 1, NOW + 60_000)


async def test_how_a_place_ended_is_told_for_an_hour(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    await room.leave(redis, KEYS, ann, now_ms=NOW)
    assert await states(redis, ann) == ["left"]
    await tick(redis, NOW + 3_599_999)
    assert await states(redis, ann, now_ms=NOW + 3_599_999) == ["left"]
    await tick(redis, NOW + 3_600_000)
    assert await states(redis, ann, now_ms=NOW + 3_600_000) == ["absent"]


async def test_a_session_that_passed_its_end_is_over_before_any_tick_a_call_with_the_tick_that_is_sure(
    redis: Client,
) -> None:
    await a_room(redis, claim_window_s=30, session_ttl_s=60)
    ann, bob = await crowd(redis, 2)
    await claim(redis, bob)
    assert await states(redis, ann, now_ms=NOW + 30_000) == ["called"]
    await tick(redis, NOW + 29_999)
    assert await states(redis, ann, now_ms=NOW + 30_000) == ["called"]
    await tick(redis, NOW + 30_000)
    assert await states(redis, ann, bob, now_ms=NOW + 30_000) == ["no_show", "active"]
    assert await states(redis, bob, now_ms=NOW + 60_000) == ["expired"]


async def test_a_place_is_asked_for_at_its_own_pace(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob = await crowd(redis, 2)
    records = [ask_record(ann)] * 4 + [ask_record(bob)]
    found = await room.place(redis, KEYS, records, rate=120, burst=3, now_ms=NOW)
    assert found.places[3] == RefusedRecord("limited", 500)
    assert isinstance(found.places[4], Place)
    again = await room.place(redis, KEYS, [ask_record(ann)], rate=120, burst=3, now_ms=NOW + 500)
    assert isinstance(again.places[0], Place)


async def test_nothing_is_kept_of_who_asked_long_ago(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob = await crowd(redis, 2)
    await room.place(redis, KEYS, [ask_record(ann)], rate=120, burst=3, now_ms=NOW)
    await room.place(redis, KEYS, [ask_record(bob)], rate=120, burst=3, now_ms=NOW + 500)
    assert await redis.zrange(KEYS.polls, 0, -1) == [bob]


async def test_a_visitor_nobody_knows_has_no_place_and_gets_none(redis: Client) -> None:
    await a_room(redis)
    visitor = a_visitor()
    found = await get_places(redis, ask_record(visitor, token(visitor, 7)))
    assert found == [RefusedRecord("absent", 7)]
    assert (await tick(redis)).status.waiting == 0


async def test_behind_a_draw_that_goes_on_the_undrawn_are_ahead(redis: Client) -> None:
    await a_room(redis, "prequeue", queueing_method="lottery")
    await crowd(redis, 3)
    await change_room(redis, 3, queueing_method="lottery", admission_rate_per_minute=0)
    await raise_numbers(redis, KEYS, epoch=1, draw_last=3, numbers=1000)
    late = a_visitor()
    place = only(await join(redis, late))
    assert (place.queue_number, place.ahead) == (4, 3)
    assert only(await get_places(redis, late)).ahead == 3


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await get_places(redis, a_visitor())
