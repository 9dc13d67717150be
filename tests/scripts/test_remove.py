"""remove.lua: staff remove a visitor for good."""

from __future__ import annotations

import pytest

from app.store.scripts.room import NotLoaded, remove
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.support.queue_steps import claim, crowd, join, states, states_of, tick


async def test_a_removed_visitor_is_out_of_every_set(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=2)
    ann, bob, cem = await crowd(redis, 3)
    await claim(redis, ann)
    await redis.sadd(KEYS.buyers, ann)
    for visitor in (ann, bob, cem, cem):
        await remove(redis, KEYS, visitor, now_ms=NOW)
    status = (await tick(redis)).status
    assert (status.waiting, status.called, status.active) == (0, 0, 0)
    assert await redis.exists(KEYS.buyers, KEYS.turns) == 0
    assert await states(redis, ann, bob, cem, now_ms=NOW + 10**8) == ["removed"] * 3


async def test_a_visitor_who_is_not_here_yet_cannot_come_any_more(redis: Client) -> None:
    await a_room(redis)
    ann = a_visitor()
    await remove(redis, KEYS, ann, now_ms=NOW)
    assert states_of(await join(redis, ann)) == ["removed"]


async def test_the_token_of_a_removed_call_goes_to_the_next(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=1)
    ann, bob = await crowd(redis, 2)
    await remove(redis, KEYS, ann, now_ms=NOW)
    await tick(redis)
    assert await states(redis, bob) == ["called"]


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await remove(redis, KEYS, a_visitor(), now_ms=NOW)
