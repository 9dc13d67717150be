"""end_session.lua, and what every script that ends a session early publishes to the gates."""

from __future__ import annotations

import pytest

from app.core.model import RoomId
from app.store.keys import ENDED_CHANNEL
from app.store.redis.conf import restored_fields
from app.store.scripts.gate import BeingRestored, EarlyEnd, early_ends, end_session
from app.store.scripts.restoring import RestorePoint, SessionRecord, finish_restore, load_sessions, restore
from app.store.scripts.room import leave, remove
from app.store.scripts.stock import confirm
from tests.support.builders import KEYS, NOW, ROOM, Client, a_room, a_row, opened, stock
from tests.support.queue_steps import claim, crowd, join, states
from tests.support.waiting import PATIENCE_S

ENDS = NOW + 600_000


async def test_one_session_ends_and_a_later_one_stays(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    assert not await end_session(redis, KEYS, ann, 1, now_ms=NOW)  # called, not inside
    await claim(redis, ann)
    assert not await end_session(redis, KEYS, ann, 2, now_ms=NOW)
    assert await end_session(redis, KEYS, ann, 1, now_ms=NOW)
    assert await states(redis, ann) == ["done"]
    await join(redis, ann)
    await claim(redis, ann)
    assert not await end_session(redis, KEYS, ann, 1, now_ms=NOW)
    assert await states(redis, ann) == ["active"]


async def test_a_room_that_is_being_restored_does_not_know_yet(redis: Client) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    await redis.hset(KEYS.conf, "restoring", 1)
    with pytest.raises(BeingRestored):
        await end_session(redis, KEYS, ann, 1, now_ms=NOW)


async def test_every_early_end_is_kept_and_published(redis: Client) -> None:
    await a_room(redis, event_id="gala")
    await stock(redis, free=50, held=1)
    visitors = ann, bob, cat, dan = await crowd(redis, 4)
    await claim(redis, *visitors)
    await redis.hset(KEYS.holds, "r1", f"held|{dan}|1|1|floor:1:5000")
    async with redis.pubsub() as channel:
        await channel.subscribe(ENDED_CHANNEL + ROOM)
        await leave(redis, KEYS, ann, now_ms=NOW)
        await remove(redis, KEYS, bob, now_ms=NOW)
        await end_session(redis, KEYS, cat, 3, now_ms=NOW)
        await confirm(redis, KEYS, ["r1"], now_ms=NOW)
        messages: list[str] = []
        while len(messages) < 4:
            message = await channel.get_message(timeout=PATIENCE_S, ignore_subscribe_messages=True)
            messages += [message["data"]] if message else []
    expected = [EarlyEnd(it, number, NOW, ENDS) for number, it in enumerate(visitors, 1)]
    assert sorted(await early_ends(redis, ROOM), key=lambda it: it.number) == expected
    assert messages == [f"{it} {number} {NOW} {ENDS}" for number, it in enumerate(visitors, 1)]
    assert await redis.ttl(KEYS.early_ends) > 0
    (eve,) = await crowd(redis, 1, now_ms=ENDS)
    await claim(redis, eve, now_ms=ENDS)
    await leave(redis, KEYS, eve, now_ms=ENDS)
    assert [it.visitor_id for it in await early_ends(redis, ROOM)] == [eve]  # the others have run out


async def test_a_restored_room_knows_them_again(redis: Client) -> None:
    point = RestorePoint(2, 5_000, 9_000, 100, 100, 0, 0, 0)
    await restore(redis, KEYS, restored_fields(opened(a_row(state="open")), 0), point, now_ms=NOW)
    records = [SessionRecord("ann", 7, ENDS, NOW - 60_000), SessionRecord("bob", 8, ENDS, 0)]
    await load_sessions(redis, KEYS, records, epoch=2, now_ms=NOW)
    await finish_restore(redis, KEYS, epoch=2, window_ms=0, now_ms=NOW)
    assert await early_ends(redis, RoomId("hall")) == [EarlyEnd("ann", 7, NOW - 60_000, ENDS)]  # type: ignore[arg-type]
