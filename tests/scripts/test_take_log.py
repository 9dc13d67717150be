"""take_log.lua: entries written to the public log leave the stream, which frees room under its cap."""

from __future__ import annotations

from app.core.script_constants import LOG_PENDING_MAX
from app.store.redis import room_log
from app.store.redis.room_log import BEGINNING
from app.store.scripts.admission import take_log
from tests.support.builders import KEYS, Client, a_room
from tests.support.queue_steps import join, tick


async def entries(redis: Client) -> list[str]:
    """Everything that waits to be written."""
    return [line for it in await room_log.after(redis, KEYS, BEGINNING, 100) for line in it.lines]


async def test_what_was_taken_is_gone_and_what_came_later_stays(redis: Client) -> None:
    await a_room(redis)
    first = (await room_log.after(redis, KEYS, BEGINNING, 100))[-1]
    await join(redis, "ann")
    after = room_log.next_id(first.entry_id)
    for _ in range(2):
        await take_log(redis, KEYS, after=after, upto=first.before + len(first.lines))
        assert await entries(redis) == ["joined 1 ann", "called 1 ann"]
        assert (await tick(redis)).noted == 2


async def test_beyond_the_cap_it_is_only_counted_until_all_is_taken(redis: Client) -> None:
    await a_room(redis)
    await redis.delete(KEYS.log)
    await redis.hset(KEYS.meter, "log_noted", LOG_PENDING_MAX - 1)
    await join(redis, "ann")
    assert await entries(redis) == []
    assert (await tick(redis)).noted == LOG_PENDING_MAX + 1
    await take_log(redis, KEYS, after=BEGINNING, upto=0)
    assert (await tick(redis)).noted == 0
    await join(redis, "bob")
    (entry,) = await room_log.after(redis, KEYS, BEGINNING, 100)
    assert (entry.before, entry.lines) == (LOG_PENDING_MAX + 1, ["joined 2 bob", "called 2 bob"])


async def test_without_the_room_nothing_is_left_behind(redis: Client) -> None:
    await take_log(redis, KEYS, after=BEGINNING, upto=7)
    assert await redis.keys("*") == []
