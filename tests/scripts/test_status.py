"""status.lua: returns the live numbers and changes nothing."""

from __future__ import annotations

import pytest

from app.core.model import RoomStatus
from app.store.scripts.room import NotLoaded, status
from tests.support.builders import KEYS, NOW, Client, a_room, stock
from tests.support.queue_steps import claim, crowd


async def test_everything_the_shared_document_needs(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=2)
    ann, *_ = await crowd(redis, 5)
    await claim(redis, ann)
    assert await status(redis, KEYS, now_ms=NOW + 5) == RoomStatus(
        now_ms=NOW + 5,
        version=2,
        epoch=1,
        state="open",
        serving_position=2,
        last_number=5,
        waiting=3,
        called=1,
        active=1,
        outflow_per_minute=0,
        available=None,
        opened_at_ms=NOW,
    )


async def test_looking_changes_nothing(redis: Client) -> None:
    await a_room(redis, claim_window_s=5)
    await crowd(redis, 1)
    before = {key: await redis.dump(key) for key in await redis.keys("*")}
    await status(redis, KEYS, now_ms=NOW + 10**9)
    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before


@pytest.mark.parametrize(
    ("free", "held", "sold", "state"),
    [(1, 0, 9, "open"), (0, 1, 9, "open"), (0, 0, 10, "sold_out"), (0, 0, 0, "open")],
)
async def test_sold_out_follows_from_the_stock(
    redis: Client, free: int, held: int, sold: int, state: str
) -> None:
    await a_room(redis, event_id="gala")
    assert (await status(redis, KEYS)).available is None
    await stock(redis, free, held, sold)
    found = await status(redis, KEYS)
    assert (found.state, found.available) == (state, free)


async def test_a_paused_room_stays_paused_whatever_is_left(redis: Client) -> None:
    await a_room(redis, "paused", event_id="gala")
    await stock(redis, free=0, sold=10)
    assert (await status(redis, KEYS)).state == "paused"


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await status(redis, KEYS)
    assert await redis.keys("*") == []
