"""show_pace.lua: the pace has one writer at a time."""

from __future__ import annotations

from app.core.model import Pace
from app.store.scripts import admission, room
from tests.support.builders import KEYS, Client, a_room, change_room
from tests.support.queue_steps import crowd, tick

FIRST = Pace(600, 0.1, 0.0, 0.1)
SECOND = Pace(600, 0.1, 51.4286, 0.07, 1_800_000_000_000, "paused")


async def test_a_pace_is_shown_to_everybody_until_there_is_another(redis: Client) -> None:
    await a_room(redis)
    assert await admission.show_pace(redis, KEYS, None, FIRST)
    assert (await room.status(redis, KEYS)).pace == FIRST
    assert await admission.show_pace(redis, KEYS, FIRST, SECOND)
    await crowd(redis, 3)
    assert (await tick(redis)).status.pace == SECOND


async def test_a_worker_that_was_overtaken_writes_nothing(redis: Client) -> None:
    await a_room(redis)
    await admission.show_pace(redis, KEYS, None, FIRST)
    await admission.show_pace(redis, KEYS, FIRST, SECOND)
    assert not await admission.show_pace(redis, KEYS, FIRST, FIRST)
    assert (await room.status(redis, KEYS)).pace == SECOND


async def test_a_room_that_is_gone_does_not_come_back(redis: Client) -> None:
    assert not await admission.show_pace(redis, KEYS, None, FIRST)
    assert not await redis.exists(KEYS.meter)


async def test_staff_and_the_tick_leave_it_alone(redis: Client) -> None:
    await a_room(redis)
    await admission.show_pace(redis, KEYS, None, FIRST)
    await change_room(redis, 9, to="paused")
    await tick(redis)
    assert (await room.status(redis, KEYS)).pace == FIRST
