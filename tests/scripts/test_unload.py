"""unload.lua: a closed room is unloaded if that loses nothing, and otherwise stays complete."""

from __future__ import annotations

from app.core.model import RoomId
from app.store.keys import RoomKeys
from app.store.scripts.restoring import unload
from tests.support.builders import KEYS, NOW, Client, a_room, stock
from tests.support.queue_steps import claim, crowd, tick

HOUR_MS = 3_600_000


async def is_unloaded(redis: Client, now_ms: int = NOW + 2 * HOUR_MS, epoch: int = 1) -> bool:
    """Whether the room was unloaded, once its public log is written."""
    await redis.delete(KEYS.log)
    return await unload(redis, KEYS, epoch=epoch, closed_ms=HOUR_MS, loaded_ms=HOUR_MS // 4, now_ms=now_ms)


async def test_it_goes_an_hour_after_it_closed_and_takes_no_other_with_it(redis: Client) -> None:
    await a_room(redis, "closed", event_id="gala")
    await stock(redis, free=3, sold=2)
    other = RoomKeys(RoomId("other"))
    await redis.hset(other.conf, "epoch", 1)
    assert not await is_unloaded(redis, NOW + HOUR_MS - 1)
    assert not await is_unloaded(redis, epoch=2)
    assert await is_unloaded(redis, NOW + HOUR_MS)
    assert await redis.keys("*") == [other.conf]


async def test_an_open_room_stays(redis: Client) -> None:
    await a_room(redis, "open")
    assert not await is_unloaded(redis)


async def test_who_waits_behind_the_serving_position_holds_nothing_up(redis: Client) -> None:
    await a_room(redis, "closed")
    await redis.zadd(KEYS.waiting, {"ann": 1})
    assert await is_unloaded(redis)


async def test_it_stays_for_whoever_was_passed_over(redis: Client) -> None:
    await a_room(redis, "closed")
    await redis.zadd(KEYS.waiting, {"ann": 1})
    await redis.hset(KEYS.meter, "serving_position", 1)
    assert not await is_unloaded(redis)


async def test_it_stays_for_whoever_is_called_or_inside_and_while_endings_are_told(redis: Client) -> None:
    await a_room(redis, claim_window_s=300, session_ttl_s=600)
    ann, _bob = await crowd(redis, 2)
    await claim(redis, ann)
    await redis.hset(KEYS.conf, mapping={"state": "closed", "closed_at_ms": NOW - HOUR_MS})
    await redis.hset(KEYS.conf, "restored_at_ms", NOW - HOUR_MS)
    assert not await is_unloaded(redis, NOW)
    await tick(redis, NOW + 601_000)  # both are over
    assert not await is_unloaded(redis, NOW + 602_000)
    assert not await is_unloaded(redis, NOW + HOUR_MS + 600_000)
    assert await is_unloaded(redis, NOW + HOUR_MS + 602_000)


async def test_it_stays_for_a_hold_and_for_a_request_nobody_has_settled(redis: Client) -> None:
    await a_room(redis, "closed", event_id="gala")
    await stock(redis, free=3, held=1)
    assert not await is_unloaded(redis)
    await stock(redis, free=4)
    await redis.xadd(KEYS.submissions, {"s": "r1"})
    assert not await is_unloaded(redis)
    await redis.delete(KEYS.submissions)
    await redis.xadd(KEYS.batches, {"o": "1|gala", "b": "r1"})
    assert not await is_unloaded(redis)
    await redis.delete(KEYS.batches)
    assert await is_unloaded(redis)
