"""join.lua and enter.lua in a room for members: nobody else joins until the members' time is over."""

from __future__ import annotations

from datetime import timedelta

from app.core.clock import from_ms
from app.core.tokens.place_tokens import new_member_id
from tests.scripts.test_enter import let_in
from tests.scripts.test_join import words
from tests.support import queue_steps
from tests.support.builders import NOW, Client, a_room, a_visitor, join_record


async def test_only_members_join_until_everybody_may(redis: Client) -> None:
    until = from_ms(NOW)
    assert until is not None
    await a_room(redis, members_only=True, members_until=until + timedelta(seconds=10))
    ann, bob = new_member_id(), a_visitor()
    assert await words(redis, join_record(bob), join_record(ann), join_record(bob)) == [
        "members_only",
        "called",
        "members_only",
    ]
    assert queue_steps.states_of(await let_in(redis, bob, new_member_id())) == ["crowd", "active"]
    assert await words(redis, join_record(bob), now_ms=NOW + 9_999) == ["members_only"]
    assert await words(redis, join_record(bob), now_ms=NOW + 10_000) == ["called"]


async def test_whoever_has_a_place_keeps_it_and_without_an_end_it_has_none(redis: Client) -> None:
    await a_room(redis, "paused")
    ann = a_visitor()
    assert await words(redis, join_record(ann)) == ["waiting"]
    await redis.hset("{hall}:conf", "members_until_ms", "9000000000000000")
    far = NOW + 10**12
    assert await words(redis, join_record(ann), join_record(a_visitor()), now_ms=far) == [
        "waiting",
        "members_only",
    ]
