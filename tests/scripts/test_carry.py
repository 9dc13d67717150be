"""carry.lua: a place moves to another visitor, wherever it was."""

from __future__ import annotations

import pytest

from app.core.clock import REDIS_TIME
from app.store.scripts.admission import counters
from app.store.scripts.carrying import CarryResult, carry
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.support.queue_steps import claim, crowd, join, only, states, tick


async def test_number_wish_and_neighbours_stay_as_they_are(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob, eve = *await crowd(redis, 2), a_visitor()
    await redis.hset(KEYS.wanted, ann, "3")
    assert (await carry(redis, KEYS, "one", ann, eve, now_ms=NOW)).word == "carried"
    assert await states(redis, ann, bob, eve) == ["left", "waiting", "waiting"]
    assert only(await join(redis, eve)).queue_number == 1
    assert await redis.hgetall(KEYS.wanted) == {eve: "3"}
    assert (await counters(redis, KEYS)).left == 0
    assert only(await join(redis, ann)).queue_number == 3  # at the end, like anybody who left


async def test_a_call_goes_over_with_what_is_left_of_its_time(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=1)
    (ann,) = await crowd(redis, 1)
    eve, deadline = a_visitor(), await redis.zscore(KEYS.called, ann)
    assert (await carry(redis, KEYS, "one", ann, eve, now_ms=NOW)).word == "carried"
    assert await redis.zscore(KEYS.called, eve) == deadline
    assert await redis.hgetall(KEYS.turns) == {eve: "1"}
    assert await states(redis, ann, eve) == ["left", "called"]
    await claim(redis, eve)
    assert await states(redis, eve) == ["active"]


async def test_a_pre_queue_keeps_its_order_or_draws_for_the_new_visitor(redis: Client) -> None:
    await a_room(redis, "prequeue")
    (ann,) = await crowd(redis, 1)
    eve, before = a_visitor(), await redis.zscore(KEYS.prequeue, ann)
    assert (await carry(redis, KEYS, "one", ann, eve, now_ms=NOW)).word == "carried"
    assert await redis.zrange(KEYS.prequeue, 0, -1, withscores=True) == [(eve, before)]
    assert (await tick(redis)).status.waiting == 1


async def test_each_refusal_changes_nothing(redis: Client) -> None:
    await a_room(redis, "paused")
    ann, bob, eve = *await crowd(redis, 2), a_visitor()
    assert (await carry(redis, KEYS, "one", a_visitor(), eve, now_ms=NOW)).word == "absent"
    assert (await carry(redis, KEYS, "one", ann, bob, now_ms=NOW)).word == "has_place"
    await redis.hset(KEYS.allowance, ann, "1")
    assert (await carry(redis, KEYS, "one", ann, eve, now_ms=NOW)).word == "inside"
    await redis.delete(KEYS.allowance)
    await redis.sadd(KEYS.removed, eve)
    assert (await carry(redis, KEYS, "one", ann, eve, now_ms=NOW)).word == "removed"
    await redis.delete(KEYS.removed)
    assert await states(redis, ann, bob) == ["waiting", "waiting"]
    assert not await redis.exists(KEYS.carried)
    assert (await carry(redis, KEYS, "one", ann, bob, replace=True, now_ms=NOW)) == CarryResult(
        "carried", 1, 2
    )
    assert await carry(redis, KEYS, "one", ann, bob, now_ms=NOW) == CarryResult("again", 1, 0)
    assert only(await join(redis, bob)).queue_number == 1
    assert (await counters(redis, KEYS)).left == 1
    assert (await carry(redis, KEYS, "one", bob, eve, now_ms=NOW)).word == "used"


async def test_a_room_that_is_not_loaded_says_so(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await carry(redis, KEYS, "one", a_visitor(), a_visitor(), now_ms=REDIS_TIME)
