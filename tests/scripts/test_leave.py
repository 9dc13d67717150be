"""leave.lua: out of the queue or out of the session, once."""

from __future__ import annotations

import pytest

from app.store.scripts.admission import counters
from app.store.scripts.room import NotLoaded, leave
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.support.queue_steps import claim, crowd, join, only, states, states_of, tick


async def test_leaving_twice_changes_nothing_more(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob = await crowd(redis, 2)
    assert [await leave(redis, KEYS, ann, now_ms=NOW) for _ in range(2)] == ["left", "left"]
    assert await states(redis, ann, bob) == ["left", "waiting"]
    assert (await counters(redis, KEYS)).left == 1


async def test_leaving_the_pre_queue(redis: Client) -> None:
    await a_room(redis, "prequeue")
    (ann,) = await crowd(redis, 1)
    assert await leave(redis, KEYS, ann, now_ms=NOW) == "left"
    assert (await tick(redis)).status.waiting == 0


async def test_a_session_that_its_visitor_ends_is_done_and_frees_the_slot(redis: Client) -> None:
    await a_room(redis, active_visitors_max=1)
    ann, bob = await crowd(redis, 2)
    await claim(redis, ann)
    await redis.sadd(KEYS.buyers, ann)
    assert await leave(redis, KEYS, ann, now_ms=NOW) == "done"
    assert await redis.exists(KEYS.buyers, KEYS.active, KEYS.turns) == 0
    await tick(redis)
    assert await states(redis, ann, bob) == ["done", "called"]


async def test_a_call_that_is_not_wanted_gives_its_token_back(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=1)
    ann, bob = await crowd(redis, 2)
    assert await states(redis, ann, bob) == ["called", "waiting"]
    assert await leave(redis, KEYS, ann, now_ms=NOW) == "left"
    await tick(redis)
    assert await states(redis, bob) == ["called"]


async def test_after_leaving_the_end_of_the_line_is_open(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, _ = await crowd(redis, 2)
    await leave(redis, KEYS, ann, now_ms=NOW)
    assert only(await join(redis, ann)).queue_number == 3
    assert await states(redis, ann) == ["waiting"]


async def test_a_visitor_nobody_knows_leaves_quietly(redis: Client) -> None:
    await a_room(redis)
    assert await leave(redis, KEYS, a_visitor(), now_ms=NOW) == "absent"
    assert states_of(await join(redis, a_visitor())) == ["called"]


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await leave(redis, KEYS, a_visitor(), now_ms=NOW)
