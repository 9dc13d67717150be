"""How a place ended is still known after Redis is lost, while its token lives: nobody has a second turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.core.errors import Refusal
from app.core.model import Place
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.handover import CarryCode
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts.admission import admit
from app.store.sql.waiting_room.rooms import record_progress
from app.waiting_room import control, queue
from app.waiting_room.carrying import carry
from app.waiting_room.ended_places import keep_endings
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, leave, open_queues, place, status
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, a_visitor, whole


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    queues = open_queues(stores, Settings(rate_limits=False))
    await a_stored_room(stores, restore_window_s=0, admission_rate_per_minute=0)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    return queues


async def crowd(queues: Queues, count: int) -> list[PlaceClaims]:
    """The tokens of this many visitors who joined; each wants two tickets, like one who was passed over."""
    return [_token(*await join(queues, ROOM, Joiner(a_visitor()))) for _ in range(count)]


def _token(found: Place, now: Any) -> PlaceClaims:
    return PlaceClaims(ROOM, found.visitor_id, found.token_number, now.epoch, quantity=2)


async def call(queues: Queues, count: int) -> None:
    client: Client = queues.stores.redis
    await client.hset(KEYS.conf, mapping={"rate": 1, "burst": count})
    await client.hset(KEYS.meter, "level", count * 60_000)
    assert (await admit(queues.stores.redis, KEYS, limit=count)).calls == count
    await client.hset(KEYS.conf, "rate", 0)


async def tick_of_worker(queues: Queues) -> None:
    """What a worker does each second."""
    tick = await admit(queues.stores.redis, KEYS, limit=100)
    await keep_endings(queues.stores, ROOM, tick.status.now_ms)
    await record_progress(queues.stores.postgres, ROOM, tick.status)


async def misses_the_call(queues: Queues, known: PlaceClaims) -> None:
    client: Client = queues.stores.redis
    await client.zadd(KEYS.called, {known.visitor_id: 1})


async def leaves_when_called(queues: Queues, known: PlaceClaims) -> None:
    await leave(queues, ROOM, known)


async def finishes(queues: Queues, known: PlaceClaims) -> None:
    await claim(queues, ROOM, known)
    await leave(queues, ROOM, known)


async def stays_too_long(queues: Queues, known: PlaceClaims) -> None:
    await claim(queues, ROOM, known)
    sql = "UPDATE sessions SET expires_at = now() - interval '2 hours' WHERE visitor_id = $1"
    await queues.stores.postgres.execute(sql, known.visitor_id)


async def claims_and_is_never_told(queues: Queues, known: PlaceClaims) -> None:
    """The process that claimed for them died before it wrote down the session."""
    await claim(queues, ROOM, known)
    await queues.stores.postgres.execute("DELETE FROM sessions WHERE visitor_id = $1", known.visitor_id)
    client: Client = queues.stores.redis
    await client.zadd(KEYS.active, {known.visitor_id: 1})


async def wipe(queues: Queues) -> None:
    await queues.stores.redis.flushall()
    await status(queues, ROOM)
    await whole(queues.stores)


End = Callable[[Queues, PlaceClaims], Awaitable[None]]
ENDS: dict[End, str] = {
    misses_the_call: "no_show",
    leaves_when_called: "left",
    finishes: "done",
    stays_too_long: "expired",
    claims_and_is_never_told: "expired",
}


async def answers_of(queues: Queues, known: PlaceClaims) -> set[str]:
    """The answers of each call."""
    found: set[str] = {(await place(queues, ROOM, known))[0].state}
    for call in (claim(queues, ROOM, known), queue.set_quantity(queues, ROOM, known, 1)):
        try:
            found.add((await call)[0].state)
        except Refusal as refusal:
            found.add(refusal.code.removeprefix("session_").removesuffix("_the_line"))
    return found


async def test_a_turn_that_ended_stays_over(queues: Queues) -> None:
    called, waits = await crowd(queues, len(ENDS)), await crowd(queues, 2)
    await call(queues, len(ENDS))
    for end, known in zip(ENDS, called, strict=True):
        await end(queues, known)
    await tick_of_worker(queues)
    for _ in range(2):
        await wipe(queues)
        for word, known in zip(ENDS.values(), called, strict=True):
            assert await answers_of(queues, known) == {word}
    for known in called:
        assert (await join(queues, ROOM, Joiner(known.visitor_id, known)))[0].new
    found = [(await place(queues, ROOM, it))[0] for it in waits]
    assert [(it.state, it.queue_number) for it in found] == [("waiting", 6), ("waiting", 7)]


async def test_who_left_the_line_does_not_stand_there_again(queues: Queues) -> None:
    """They leave before the loss, or after it before being restored; a place taken since then survives."""
    before, after, returned, stays = await crowd(queues, 4)
    for known in (before, returned):
        await leave(queues, ROOM, known)
    newer = _token(*await join(queues, ROOM, Joiner(returned.visitor_id, returned)))
    await tick_of_worker(queues)
    await wipe(queues)
    await leave(queues, ROOM, after)
    for known in (before, after):
        assert await answers_of(queues, known) == {"left"}
        assert (await join(queues, ROOM, Joiner(known.visitor_id, known)))[0].new
    found = [(await place(queues, ROOM, it))[0] for it in (newer, stays)]
    assert [(it.state, it.queue_number) for it in found] == [("waiting", 5), ("waiting", 4)]


async def carry_place(
    queues: Queues, known: PlaceClaims, to: PlaceClaims, *, replace: bool = False
) -> PlaceClaims:
    """A code moves the place (sent twice); returns the new owner's token."""
    for _ in range(2):
        code = CarryCode(f"code of {known.visitor_id}", ROOM, known.visitor_id, 0)
        assert await carry(queues, code, to.visitor_id, replace=replace) == "carried"
    return _token(*await join(queues, ROOM, Joiner(to.visitor_id)))


def named(end: End | str) -> str:
    """The name of a case, the same in every process."""
    return end if isinstance(end, str) else end.__name__


@pytest.mark.parametrize("own_end", [*ENDS, "gives it up waiting", "gives it up called"], ids=named)
async def test_a_place_taken_over_survives_what_became_of_a_later_place_of_ones_own(
    queues: Queues, own_end: End | str
) -> None:
    senders = await crowd(queues, len(ENDS))
    own = await crowd(queues, len(ENDS))  # with higher numbers
    if own_end != "gives it up waiting":
        await call(queues, 2 * len(ENDS))
    if callable(own_end):
        for known in own:
            await own_end(queues, known)
        await tick_of_worker(queues)
        await wipe(queues)
        for sender in senders:
            await place(queues, ROOM, sender)
    taken = [
        await carry_place(queues, sender, known, replace=isinstance(own_end, str))
        for sender, known in zip(senders, own, strict=True)
    ]
    assert [it.queue_number for it in taken] == [it.queue_number for it in senders]
    for _ in range(2):
        await wipe(queues)
        for sender, before, now in zip(senders, own, taken, strict=True):
            assert await answers_of(queues, sender) == {"left"}
            assert not await answers_of(queues, before) & {"waiting", "called", "active"}
            found = (await place(queues, ROOM, now))[0]
            assert (found.state in ("called", "waiting"), found.queue_number) == (True, now.queue_number)
    for known in taken:
        await leave(queues, ROOM, known)
    await tick_of_worker(queues)
    await wipe(queues)
    for token in (*taken, *own):
        assert not await answers_of(queues, token) & {"waiting", "called", "active"}


async def test_a_place_taken_over_ends_for_good(queues: Queues) -> None:
    senders, own = await crowd(queues, len(ENDS)), await crowd(queues, len(ENDS))
    await call(queues, 2 * len(ENDS))
    for known in own:
        await leave(queues, ROOM, known)
    await tick_of_worker(queues)
    for end, sender, known in zip(ENDS, senders, own, strict=True):
        await end(queues, await carry_place(queues, sender, known))
    await tick_of_worker(queues)
    await wipe(queues)
    for sender, known in zip(senders, own, strict=True):
        for token in (
            known,
            PlaceClaims(ROOM, known.visitor_id, sender.queue_number, known.epoch, quantity=2),
        ):
            assert not await answers_of(queues, token) & {"waiting", "called", "active"}


async def test_a_place_that_came_back_is_there_after_a_wipe(queues: Queues) -> None:
    ann, bob = await crowd(queues, 2)
    await leave(queues, ROOM, bob)
    away = await carry_place(queues, ann, bob)
    await tick_of_worker(queues)
    home = await carry_place(queues, away, ann)
    await tick_of_worker(queues)
    await wipe(queues)
    assert await answers_of(queues, away) == {"left"}
    assert (await place(queues, ROOM, home))[0].state == "waiting"
    assert home.queue_number == ann.queue_number


async def test_a_pre_queue_is_left_for_good(stores: Stores) -> None:
    queues = open_queues(stores, Settings(rate_limits=False))
    await a_stored_room(stores, restore_window_s=0, admission_rate_per_minute=0)
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await tick_of_worker(queues)
    ann, bob = await crowd(queues, 2)
    await leave(queues, ROOM, ann)
    await tick_of_worker(queues)
    await wipe(queues)
    await tick_of_worker(queues)
    states = [(await place(queues, ROOM, it))[0].state for it in (ann, bob)]
    assert states == ["left", "prequeue"]


async def test_many_endings_are_kept_once_by_any_number_of_workers(queues: Queues) -> None:
    joined = (join(queues, ROOM, Joiner(a_visitor())) for _ in range(1_500))
    await asyncio.gather(*joined)
    await call(queues, 1_500)
    missed = (await status(queues, ROOM))[1].now_ms + 3_600_000
    await admit(queues.stores.redis, KEYS, limit=2_000, now_ms=missed)
    await asyncio.gather(*(keep_endings(queues.stores, ROOM, missed) for _ in range(4)))
    sql = "SELECT count(*) FROM ended_places WHERE ended_as = 'no_show'"
    assert await queues.stores.postgres.fetchval(sql) == 1_500
    await queues.stores.postgres.execute("DELETE FROM ended_places WHERE queue_number > 1")
    await keep_endings(queues.stores, ROOM, missed)
    assert await queues.stores.postgres.fetchval(sql) == 1_500, "the last two seconds are checked again"
    await keep_endings(queues.stores, ROOM, missed + 5_000)
    await queues.stores.postgres.execute("DELETE FROM ended_places WHERE queue_number > 1")
    await keep_endings(queues.stores, ROOM, missed + 6_000)
    assert await queues.stores.postgres.fetchval(sql) == 1, "but not for ever"
    await keep_endings(queues.stores, ROOM, missed)
    assert await queues.stores.postgres.fetchval(sql) == 1_500, "the clock was set back"
    await queues.stores.postgres.execute("DELETE FROM rooms")
    await keep_endings(queues.stores, ROOM, missed - 1)
    assert await queues.stores.postgres.fetchval(sql) == 0, "the room is gone"
