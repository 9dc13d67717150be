"""Visitor events: noted by the scripts if the room asks for them, and delivered once, in order."""

from __future__ import annotations

from typing import Any

import pytest

from app import metrics
from app.notifications.relay import relay
from app.store.connections import Stores
from app.store.redis import visitor_events as stream
from app.store.scripts import room
from app.store.sql.locks import try_lock
from app.waiting_room import visitor_events
from app.waiting_room.visitor_events import move_to_outbox
from tests.support.builders import KEYS, NOW, ROOM, a_room, a_stored_room
from tests.support.queue_steps import claim, join, tick
from tests.support.receiver import receiving
from tests.support.webhooks import a_webhook

FILL = "for i = 1, 100000 do redis.call('XADD', KEYS[1], '*', 'e', 'joined v 0') end"


async def a_sale_tonight(stores: Stores, *, on: bool = True) -> None:
    """Ann joins and claims, Bob is called but does not claim, Cid leaves the queue, Dan still waits."""
    await a_room(stores.redis, visitor_events=on, active_visitors_max=2, claim_window_s=10)
    await a_stored_room(stores)
    await join(stores.redis, "ann", "bob", "cid", "dan")
    await claim(stores.redis, "ann")
    await room.leave(stores.redis, KEYS, "cid", now_ms=NOW)  # type: ignore[arg-type]
    await tick(stores.redis, NOW + 11_000)


async def published(stores: Stores) -> list[tuple[Any, ...]]:
    """What subscribers receive, in order."""
    rows = await stores.postgres.fetch(
        "SELECT type, data ->> 'visitor_id', (data ->> 'queue_number')::int FROM notices "
        "WHERE type LIKE 'visitor.%' ORDER BY number, ordinal"
    )
    return [tuple(row) for row in rows]


STORY = [
    ("visitor.joined", "ann", 1),
    ("visitor.called", "ann", 1),
    ("visitor.joined", "bob", 2),
    ("visitor.called", "bob", 2),
    ("visitor.joined", "cid", 3),
    ("visitor.joined", "dan", 4),
    ("visitor.claimed", "ann", 1),
    ("visitor.left", "cid", 3),
    ("visitor.no_show", "bob", 2),
    ("visitor.called", "dan", 4),
]


async def test_each_step_is_told_once_and_in_order(stores: Stores) -> None:
    await a_sale_tonight(stores)
    await move_to_outbox(stores, ROOM, 0)
    assert await published(stores) == STORY
    assert await stream.after(stores.redis, KEYS, stream.BEGINNING, 10) == []
    await move_to_outbox(stores, ROOM, 0)
    await join(stores.redis, "eve", now_ms=NOW + 11_000)
    await move_to_outbox(stores, ROOM, 0)
    assert await published(stores) == [*STORY, ("visitor.joined", "eve", 5)]
    times = await stores.postgres.fetch("SELECT notice_id, at FROM notices")
    assert len({row["notice_id"] for row in times}) == len(times)


async def test_what_was_handed_on_by_a_worker_that_died_then_is_not_told_again(stores: Stores) -> None:
    await a_sale_tonight(stores)
    left: Any = await stores.redis.dump(KEYS.visitor_events)
    await move_to_outbox(stores, ROOM, 0)
    await stores.redis.restore(KEYS.visitor_events, 0, left, replace=True)
    await move_to_outbox(stores, ROOM, 0)
    assert await published(stores) == STORY


async def test_a_long_stream_is_moved_in_pages_and_no_more_than_one_round_s_worth(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor_events, "PAGE", 2)
    monkeypatch.setattr(visitor_events, "PAGES_MAX", 3)
    await a_sale_tonight(stores)
    await move_to_outbox(stores, ROOM, 0)
    assert await published(stores) == STORY[:6]
    await move_to_outbox(stores, ROOM, 0)
    assert await published(stores) == STORY


async def test_a_room_that_another_worker_is_at_is_left_to_it(stores: Stores) -> None:
    await a_sale_tonight(stores)
    async with stores.postgres.acquire() as other, other.transaction():
        assert await try_lock(other, "fairgate visitor events", ROOM)
        await move_to_outbox(stores, ROOM, 0)
        assert await published(stores) == []
    await move_to_outbox(stores, ROOM, 0)
    assert await published(stores) == STORY


async def test_a_room_that_does_not_ask_notes_nothing(stores: Stores) -> None:
    await a_sale_tonight(stores, on=False)
    assert not await stores.redis.exists(KEYS.visitor_events)


async def test_what_is_too_much_is_counted_and_told(stores: Stores) -> None:
    await a_room(stores.redis, visitor_events=True)
    await a_stored_room(stores)
    client: Any = stores.redis
    await client.eval(FILL, 1, KEYS.visitor_events)
    await join(stores.redis, "ann")
    found = await tick(stores.redis)
    assert (found.visitor_events, found.dropped) == (100_000, 2)
    before = metrics.VISITOR_EVENTS_DROPPED._value.get()
    await client.unlink(KEYS.visitor_events)
    for _ in range(2):
        await move_to_outbox(stores, ROOM, found.dropped)
    rows = await stores.postgres.fetch("SELECT type, data ->> 'dropped' AS dropped FROM notices")
    assert [tuple(row) for row in rows] == [("room.visitor_events_dropped", "2")]
    assert metrics.VISITOR_EVENTS_DROPPED._value.get() == before + 2


async def test_a_webhook_gets_them_only_by_name(stores: Stores) -> None:
    async with receiving() as receiver:
        everything = await a_webhook(stores, receiver)
        by_name = await a_webhook(stores, receiver, "visitor.joined", "visitor.left")
        await a_sale_tonight(stores)
        await move_to_outbox(stores, ROOM, 0)
        while await relay(stores):
            pass
        rows = await stores.postgres.fetch(
            "SELECT webhook_id, thread FROM deliveries ORDER BY number, ordinal"
        )
        assert everything.webhook_id not in {row["webhook_id"] for row in rows}
        assert [row["thread"] for row in rows] == [f"hall {it}" for it in ("ann", "bob", "cid", "dan", "cid")]
        assert {row["webhook_id"] for row in rows} == {by_name.webhook_id}
        entries: Any = await stores.redis.xrange("fairgate:events")
        assert [it["type"] for _, it in entries] == [name for name, *_ in STORY]
