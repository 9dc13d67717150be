"""undrawn.lua: who is next in the draw."""

from __future__ import annotations

import pytest

from app.store.scripts.admission import raise_numbers, undrawn
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, NOW, Client, a_lottery, join_record
from tests.support.queue_steps import join


async def test_the_lowest_draws_are_next_ties_by_visitor_id(redis: Client) -> None:
    await a_lottery(
        redis, [join_record("cem", draw=9), join_record("bob", draw=5), join_record("ann", draw=5)]
    )
    await raise_numbers(redis, KEYS, epoch=1, draw_last=3, numbers=100)
    found = await undrawn(redis, KEYS, limit=2, now_ms=NOW)
    assert found == (1, 3, ["ann", "bob"])


async def test_nobody_is_drawn_before_postgres_knows_the_numbers(redis: Client) -> None:
    await a_lottery(redis, [join_record("ann")])
    assert (await undrawn(redis, KEYS, limit=9, now_ms=NOW)).visitor_ids == []
    await raise_numbers(redis, KEYS, epoch=1, draw_last=1, numbers=100)
    assert (await undrawn(redis, KEYS, limit=9, now_ms=NOW)).visitor_ids == ["ann"]


@pytest.mark.parametrize(("field", "value"), [("restoring", 1), ("restore_until_ms", NOW + 1)])
async def test_a_restored_room_waits_for_its_visitors(redis: Client, field: str, value: int) -> None:
    await a_lottery(redis, [join_record("ann")])
    await raise_numbers(redis, KEYS, epoch=1, draw_last=1, numbers=100)
    await redis.hset(KEYS.conf, field, value)
    assert (await undrawn(redis, KEYS, limit=9, now_ms=NOW)).visitor_ids == []


async def test_who_joins_after_the_opening_is_not_drawn(redis: Client) -> None:
    await a_lottery(redis, [join_record("ann")])
    await raise_numbers(redis, KEYS, epoch=1, draw_last=1, numbers=100)
    await join(redis, "bob")
    assert (await undrawn(redis, KEYS, limit=9, now_ms=NOW)).visitor_ids == ["ann"]


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await undrawn(redis, KEYS, limit=9, now_ms=NOW)
