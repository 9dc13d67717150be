"""How a place ended is known after a wiped Redis, while its token lives: nobody has a second turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from app.core.errors import Refusal
from app.core.model import Place, PlaceClaims
from app.restoring.room import is_whole
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import admit
from app.store.sql.rooms import record_progress
from app.waiting_room import control, queue
from app.waiting_room.ended_places import keep_endings
from app.waiting_room.queue import Joining, Line, claim, join, leave, open_line, place, status
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, a_visitor
from tests.support.waiting import wait_until


@pytest.fixture
async def line(stores: Stores) -> Line:
    line = open_line(stores, Settings(rate_limits=False))
    await a_stored_room(stores, restore_window_s=0, admission_rate_per_minute=0)
    await control.set_state(line, ROOM, "open", by=STAFF)
    return line


async def crowd(line: Line, count: int) -> list[PlaceClaims]:
    """The tokens of so many who joined; each asks for two tickets, as of one who was passed over."""
    return [_token(*await join(line, ROOM, Joining(a_visitor()))) for _ in range(count)]


def _token(found: Place, now: Any) -> PlaceClaims:
    return PlaceClaims(ROOM, found.visitor_id, found.token_number, now.epoch, quantity=2)


async def call(line: Line, count: int) -> None:
    client: Client = line.stores.redis
    await client.hset(KEYS.conf, mapping={"rate": 1, "burst": count})
    await client.hset(KEYS.meter, "level", count * 60_000)
    assert (await admit(line.stores.redis, KEYS, limit=count)).calls == count
    await client.hset(KEYS.conf, "rate", 0)


async def look(line: Line) -> None:
    """What a worker does each second."""
    tick = await admit(line.stores.redis, KEYS, limit=100)
    await keep_endings(line.stores, ROOM, tick.status.now_ms)
    await record_progress(line.stores.postgres, ROOM, tick.status)


async def misses_the_call(line: Line, known: PlaceClaims) -> None:
    client: Client = line.stores.redis
    await client.zadd(KEYS.called, {known.visitor_id: 1})


async def leaves_when_called(line: Line, known: PlaceClaims) -> None:
    await leave(line, ROOM, known)


async def finishes(line: Line, known: PlaceClaims) -> None:
    await claim(line, ROOM, known)
    await leave(line, ROOM, known)


async def stays_too_long(line: Line, known: PlaceClaims) -> None:
    await claim(line, ROOM, known)
    sql = "UPDATE sessions SET expires_at = now() - interval '2 hours' WHERE visitor_id = $1"
    await line.stores.postgres.execute(sql, known.visitor_id)


async def claims_and_is_never_told(line: Line, known: PlaceClaims) -> None:
    """Whoever claimed for them died before it wrote the session down."""
    await claim(line, ROOM, known)
    await line.stores.postgres.execute("DELETE FROM sessions WHERE visitor_id = $1", known.visitor_id)
    client: Client = line.stores.redis
    await client.zadd(KEYS.active, {known.visitor_id: 1})


async def wipe(line: Line) -> None:
    await line.stores.redis.flushall()
    await status(line, ROOM)
    await wait_until(partial(is_whole, line.stores, ROOM), "the restore to end")


End = Callable[[Line, PlaceClaims], Awaitable[None]]
ENDS: dict[End, str] = {
    misses_the_call: "no_show",
    leaves_when_called: "left",
    finishes: "done",
    stays_too_long: "expired",
    claims_and_is_never_told: "expired",
}


async def told(line: Line, known: PlaceClaims) -> set[str]:
    """What they are told by whatever they ask."""
    found: set[str] = {(await place(line, ROOM, known))[0].state}
    for asked in (claim(line, ROOM, known), queue.want(line, ROOM, known, 1)):
        try:
            found.add((await asked)[0].state)
        except Refusal as refusal:
            found.add(refusal.code.removeprefix("session_").removesuffix("_the_line"))
    return found


async def test_a_turn_that_ended_stays_over(line: Line) -> None:
    called, waits = await crowd(line, len(ENDS)), await crowd(line, 2)
    await call(line, len(ENDS))
    for end, known in zip(ENDS, called, strict=True):
        await end(line, known)
    await look(line)
    for _ in range(2):
        await wipe(line)
        for word, known in zip(ENDS.values(), called, strict=True):
            assert await told(line, known) == {word}
    for known in called:
        assert (await join(line, ROOM, Joining(known.visitor_id, known)))[0].new
    found = [(await place(line, ROOM, it))[0] for it in waits]
    assert [(it.state, it.queue_number) for it in found] == [("waiting", 6), ("waiting", 7)]


async def test_who_left_the_line_does_not_stand_there_again(line: Line) -> None:
    """Before the wipe, or after it and before they were put back; a place they took since survives."""
    before, after, returned, stays = await crowd(line, 4)
    for known in (before, returned):
        await leave(line, ROOM, known)
    newer = _token(*await join(line, ROOM, Joining(returned.visitor_id, returned)))
    await look(line)
    await wipe(line)
    await leave(line, ROOM, after)
    for known in (before, after):
        assert await told(line, known) == {"left"}
        assert (await join(line, ROOM, Joining(known.visitor_id, known)))[0].new
    found = [(await place(line, ROOM, it))[0] for it in (newer, stays)]
    assert [(it.state, it.queue_number) for it in found] == [("waiting", 5), ("waiting", 4)]


async def test_a_pre_queue_is_left_for_good(stores: Stores) -> None:
    line = open_line(stores, Settings(rate_limits=False))
    await a_stored_room(stores, restore_window_s=0, admission_rate_per_minute=0)
    await control.configure(line, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await look(line)
    ann, bob = await crowd(line, 2)
    await leave(line, ROOM, ann)
    await look(line)
    await wipe(line)
    await look(line)
    states = [(await place(line, ROOM, it))[0].state for it in (ann, bob)]
    assert states == ["left", "prequeue"]


async def test_many_endings_are_kept_once_by_any_number_of_workers(line: Line) -> None:
    joined = (join(line, ROOM, Joining(a_visitor())) for _ in range(1_500))
    await asyncio.gather(*joined)
    await call(line, 1_500)
    missed = (await status(line, ROOM))[1].now_ms + 3_600_000
    await admit(line.stores.redis, KEYS, limit=2_000, now_ms=missed)
    await asyncio.gather(*(keep_endings(line.stores, ROOM, missed) for _ in range(4)))
    sql = "SELECT count(*) FROM ended_places WHERE ended_as = 'no_show'"
    assert await line.stores.postgres.fetchval(sql) == 1_500
    await line.stores.postgres.execute("DELETE FROM ended_places WHERE queue_number > 1")
    await keep_endings(line.stores, ROOM, missed)
    assert await line.stores.postgres.fetchval(sql) == 1_500, "the last two seconds are looked at again"
    await keep_endings(line.stores, ROOM, missed + 5_000)
    await line.stores.postgres.execute("DELETE FROM ended_places WHERE queue_number > 1")
    await keep_endings(line.stores, ROOM, missed + 6_000)
    assert await line.stores.postgres.fetchval(sql) == 1, "and after that not for ever"
    await keep_endings(line.stores, ROOM, missed)
    assert await line.stores.postgres.fetchval(sql) == 1_500, "the clock was set back"
    await line.stores.postgres.execute("DELETE FROM rooms")
    await keep_endings(line.stores, ROOM, missed - 1)
    assert await line.stores.postgres.fetchval(sql) == 0, "the room is gone"
