"""Reads of a room that go through it piece by piece."""

from __future__ import annotations

import pytest

from app.core.model import VisitorId
from app.store.redis import entrants, visitors
from app.store.redis.visitors import Visitor
from tests.support.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.support.queue_steps import crowd, join, tick

MANY = 2_000  # a hash or a sorted set of this size is read in several steps


async def test_everybody_in_a_pre_queue_is_read_in_pages(redis: Client) -> None:
    assert [page async for page in entrants.pages(redis, KEYS, 10)] == []
    await a_room(redis, "prequeue", queueing_method="lottery")
    everybody = await crowd(redis, MANY)
    pages = [page async for page in entrants.pages(redis, KEYS, 10)]
    assert len(pages) > 10
    assert {it for page in pages for it in page} == set(everybody)


async def test_a_called_visitor_is_found_by_number_in_a_large_room(
    redis: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_room(redis, active_visitors_max=None)
    everybody = [a_visitor() for _ in range(MANY)]
    await redis.hset(KEYS.turns, mapping={it: n for n, it in enumerate(everybody, 1)})
    monkeypatch.setattr(visitors, "SCAN_COUNT", 10)
    monkeypatch.setattr(visitors, "SCANS_MAX", MANY)
    for number in (1, MANY // 2, MANY):
        assert await visitors.numbered(redis, KEYS, number) == [everybody[number - 1]]
    monkeypatch.setattr(visitors, "SCANS_MAX", 1)
    assert await visitors.numbered(redis, KEYS, MANY + 1) == []  # it does not go on for ever


async def test_where_a_visitor_is(redis: Client) -> None:
    await a_room(redis, "prequeue", queueing_method="lottery")
    ann = VisitorId("ann")
    assert await visitors.state_of(redis, KEYS, ann) == Visitor(ann, "", 0, 0)
    await join(redis, ann)
    assert await visitors.state_of(redis, KEYS, ann) == Visitor(ann, "pre-queue", 0, 0)


async def test_where_a_visitor_is_once_the_room_is_open(redis: Client) -> None:
    await a_room(redis, active_visitors_max=1)
    ann, bob = VisitorId("ann"), VisitorId("bob")
    await join(redis, ann, bob)
    await tick(redis)
    called = await visitors.state_of(redis, KEYS, ann)
    assert (called.state, called.queue_number, called.until_ms > NOW) == ("called", 1, True)
    assert await visitors.state_of(redis, KEYS, bob) == Visitor(bob, "waiting", 2, 0)
    assert await visitors.numbered(redis, KEYS, 1) == [ann]
    assert await visitors.numbered(redis, KEYS, 2) == [bob]
