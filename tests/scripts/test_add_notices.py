"""add_notices.lua: in order, a new entry each time, and never many more than the cap."""

from __future__ import annotations

from app.store.redis.notice_stream import KEYS, NOTHING, add_notices, end, order
from app.store.sql.notifications.outbox import Notice
from tests.support.builders import Client


def a_notice(number: int) -> Notice:
    return Notice(f"ntc_{number}", "room.opened", "2026-01-01T00:00:00.000Z", '{"room_id": "hall"}')


async def test_they_stand_in_the_order_they_came(redis: Client) -> None:
    assert await end(redis) == NOTHING
    last = await add_notices(redis, KEYS, [a_notice(1), a_notice(2)])
    assert await end(redis) == last
    again = await add_notices(redis, KEYS, [a_notice(2)])
    assert order(last) < order(again)
    entries = await redis.xrange(KEYS.events)
    assert [fields["id"] for _, fields in entries] == ["ntc_1", "ntc_2", "ntc_2"]
    assert entries[0][1] == {
        "id": "ntc_1",
        "type": "room.opened",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": '{"room_id": "hall"}',
    }


async def test_the_oldest_fall_out(redis: Client) -> None:
    await add_notices(redis, KEYS, [a_notice(i) for i in range(1_000)], entries_max=100)
    assert 100 <= await redis.xlen(KEYS.events) < 300
    last = await end(redis)
    await redis.xdel(KEYS.events, last)
    assert await end(redis) == last


def test_entries_are_ordered_by_number_and_not_as_text() -> None:
    assert order("9-10") > order("9-9") > order("8-100") > order(NOTHING)
