"""advance.lua: staff admit visitors by hand."""

from __future__ import annotations

from typing import Any

import pytest

from app.store.scripts import by_hand
from app.store.scripts.by_hand import AdvanceResult, NotAdvanced
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, NOW, Client, a_room, change_room, join_record, stock
from tests.support.queue_steps import claim, crowd, join, states, tick


async def advance(redis: Client, count: int, advance_id: str = "", **options: Any) -> AdvanceResult:
    return await by_hand.advance(
        redis, KEYS, count=count, advance_id=advance_id, **{"now_ms": NOW, **options}
    )


async def test_the_first_in_the_queue_are_called_while_paused_and_for_no_token(redis: Client) -> None:
    await a_room(redis, "paused", admission_rate_per_minute=60, burst=2)
    visitors = await crowd(redis, 5)
    done = await advance(redis, 3)
    assert (done.called, done.limit, done.status.state) == (3, "", "paused")
    assert (done.status.serving_position, done.status.waiting, done.status.called) == (3, 2, 3)
    assert done.status.outflow_per_minute > 0
    assert await states(redis, *visitors) == ["called"] * 3 + ["waiting"] * 2
    assert (await tick(redis, NOW + 600_000 - 1)).calls == 0, "it is still paused"
    await change_room(redis, 5, admission_rate_per_minute=60, burst=2)
    assert (await tick(redis)).calls == 2, "the bucket is as full as before"


async def test_it_can_be_sent_again(redis: Client) -> None:
    await a_room(redis, "paused")
    await crowd(redis, 9)
    first = await advance(redis, 2, "one")
    again = await advance(redis, 5, "one")
    assert (again.called, again.limit) == (first.called, first.limit) == (2, "")
    assert again.status.called == 2
    assert (await advance(redis, 2, "two")).status.called == 4
    assert (await advance(redis, 9, "three")).limit == "nobody"
    assert (await advance(redis, 1, "three")).limit == "nobody", "same answer as the first time"
    assert (await advance(redis, 1)).called == 0
    assert await redis.hlen(KEYS.advances) == 3
    assert 0 < await redis.pttl(KEYS.advances) <= 86_400_000
    await advance(redis, 1, "four", known_max=3)
    assert await redis.hkeys(KEYS.advances) == ["four"]


async def test_why_fewer_are_called(redis: Client) -> None:
    await a_room(redis, "paused", active_visitors_max=3)
    visitors = await crowd(redis, 10)
    assert await _advance(redis, 2) == (2, "")
    await claim(redis, visitors[0])
    assert await _advance(redis, 5) == (1, "cap")
    assert await _advance(redis, 5) == (0, "cap")


async def test_nobody_is_called_for_more_tickets_than_are_free(redis: Client) -> None:
    await a_room(redis, "paused", event_id="gala")
    await stock(redis, free=3)
    many = join_record("visitor-who-wants-five0")._replace(quantity=5)
    await join(redis, many)
    visitors = await crowd(redis, 4)
    assert await _advance(redis, 2) == (2, ""), "a visitor who wants more than is free is skipped"
    assert (
        await states(redis, many.visitor_id, *visitors) == ["waiting", "called", "called"] + ["waiting"] * 2
    )
    assert await _advance(redis, 5) == (1, "tickets")
    await stock(redis, free=0, sold=3)
    assert await _advance(redis, 5) == (0, "tickets")


async def _advance(redis: Client, count: int) -> tuple[int, str]:
    done = await advance(redis, count)
    return done.called, done.limit


@pytest.mark.parametrize("state", ["scheduled", "prequeue", "closed"])
async def test_nobody_is_called_in_a_room_that_calls_nobody(redis: Client, state: Any) -> None:
    await a_room(redis, state)
    with pytest.raises(NotAdvanced) as refused:
        await advance(redis, 1)
    assert (refused.value.word, refused.value.state) == ("not_open", state)


async def test_nobody_is_called_while_a_store_is_away_or_the_room_is_being_restored(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await advance(redis, 1)
    await a_room(redis)
    await redis.hset(KEYS.meter, "frozen_ms", NOW - 1)
    with pytest.raises(NotAdvanced, match="away"):
        await advance(redis, 1)
    await redis.hset(KEYS.conf, "restoring", 1)
    with pytest.raises(NotAdvanced, match="restoring"):
        await advance(redis, 1)
