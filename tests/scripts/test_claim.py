"""claim.lua: a called visitor gets one session, however often they ask."""

from __future__ import annotations

import pytest

from app.core.model import Place
from app.store.redis.conf import restored_fields
from app.store.scripts import room
from app.store.scripts.restoring import RestorePoint, restore
from app.store.scripts.room import NotLoaded, RefusedRecord
from tests.support.builders import KEYS, NOW, Client, a_room, a_row, a_visitor, ask_record, change_room
from tests.support.queue_steps import claim, crowd, only, states, states_of, tick


async def test_claiming_again_gives_the_same_session(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    (ann,) = await crowd(redis, 1)
    first = only(await claim(redis, ann, now_ms=NOW + 1_250))
    again = only(await claim(redis, ann, now_ms=NOW + 30_000))
    assert (first.state, first.new, again.new) == ("active", True, False)
    assert first.session_expires_at_ms == again.session_expires_at_ms == NOW + 61_000
    assert (await tick(redis, NOW + 30_000)).status.active == 1


async def test_a_session_ends_on_a_whole_second_and_never_early(redis: Client) -> None:
    await a_room(redis, session_ttl_s=10)
    (ann,) = await crowd(redis, 1)
    place = only(await claim(redis, ann, now_ms=NOW + 999))
    assert place.session_expires_at_ms == NOW + 10_000
    assert await states(redis, ann, now_ms=NOW + 9_999) == ["active"]
    assert states_of(await claim(redis, ann, now_ms=NOW + 10_000)) == ["expired"]


async def test_who_waits_is_told_to_wait_on(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob = await crowd(redis, 2)
    found = await claim(redis, bob, ann)
    assert [(it.state, it.ahead) for it in found if isinstance(it, Place)] == [("waiting", 1), ("waiting", 0)]


async def test_a_call_is_claimed_before_its_deadline_or_never(redis: Client) -> None:
    await a_room(redis, claim_window_s=5)
    ann, bob = await crowd(redis, 2)
    assert states_of(await claim(redis, ann, now_ms=NOW + 4_999)) == ["active"]
    await tick(redis, NOW + 5_000)
    assert states_of(await claim(redis, bob, now_ms=NOW + 5_000)) == ["no_show"]
    assert states_of(await claim(redis, bob, now_ms=NOW + 5_001)) == ["no_show"]


@pytest.mark.parametrize("ending", ["left", "removed", "done"])
async def test_an_ended_place_says_how(redis: Client, ending: str) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    if ending == "done":
        await claim(redis, ann)
    if ending == "removed":
        await room.remove(redis, KEYS, ann, now_ms=NOW)
    else:
        await room.leave(redis, KEYS, ann, now_ms=NOW)
    assert states_of(await claim(redis, ann)) == [ending]


async def test_a_pause_and_a_close_do_not_take_a_call_back(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    await change_room(redis, 3, to="paused")
    assert states_of(await claim(redis, ann)) == ["active"]
    await change_room(redis, 4, to="closed")
    assert states_of(await claim(redis, ann)) == ["active"]


async def test_while_the_room_is_restored_nobody_claims(redis: Client) -> None:
    point = RestorePoint(2, 10, 5_000, 10, 10, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(a_row(state="open"), 0), point, now_ms=NOW)
    assert await claim(redis, a_visitor()) == [RefusedRecord("restoring", 0)]


async def test_a_claim_is_throttled_with_the_place_calls(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    await room.place(redis, KEYS, [ask_record(ann)], rate=60, burst=1, now_ms=NOW)
    found = await room.claim(redis, KEYS, [ask_record(ann)], rate=60, burst=1, now_ms=NOW)
    assert found.places == [RefusedRecord("limited", 1000)]


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await claim(redis, a_visitor())
