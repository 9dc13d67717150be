"""An unloaded room looks unchanged, and is loaded again when needed without giving anything twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from app.core.errors import Refusal, RoomClosed
from app.core.model import VisitorId
from app.core.tokens.claims import PlaceClaims
from app.gate.sessions import GateVisitor, enter, open_gate
from app.reservations import consistency, holds
from app.restoring.unloading import unload_closed, unload_room
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import ROOMS
from app.store.redis import busy
from app.store.scripts import admission
from app.store.sql.waiting_room.rooms import record_progress
from app.waiting_room import control, room_lists, room_log
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, leave, open_queues, place, set_quantity, status
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room, a_visitor, token, whole
from tests.support.sales import GALA, HALL, LIVE, a_session, a_shop, reserve_tickets
from tests.support.waiting import wait_until


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


@dataclass
class Closed:
    """A room that closed with a queue: a buyer, a no-show, one who left, and two who wait."""

    buyer: str
    no_show: str
    left: str
    waiting: list[str]


async def a_closed_room(queues: Queues, **settings: Any) -> Closed:
    """A room that closed two hours ago and whose endings are stored."""
    client: Client = queues.stores.redis
    await a_stored_room(
        queues.stores, **{"admission_rate_per_minute": 60_000, "active_visitors_max": 3, **settings}
    )
    await control.set_state(queues, ROOM, "open", by=STAFF)
    visitors = [a_visitor() for _ in range(5)]
    for it in visitors:
        await join(queues, ROOM, Joiner(it))
    await claim(queues, ROOM, token(visitors[0], 1))
    await leave(queues, ROOM, token(visitors[0], 1))
    await leave(queues, ROOM, token(visitors[2], 3))
    await control.set_state(queues, ROOM, "close", by=STAFF)
    await client.zadd(KEYS.called, {visitors[1]: 1})  # their time is over
    tick = await admission.admit(client, KEYS, limit=10)
    assert (tick.status.called, tick.status.active, tick.status.waiting) == (0, 0, 2)
    await record_progress(queues.stores.postgres, ROOM, tick.status)
    for ended in await client.zrange(KEYS.ended, 0, -1):
        await client.zadd(KEYS.ended, {ended: 1})
    await _age(queues)
    return Closed(visitors[0], visitors[1], visitors[2], [str(it) for it in visitors[3:]])


async def _age(queues: Queues) -> None:
    """Make the room in Redis look closed and loaded two hours ago, with its public log written."""
    client: Client = queues.stores.redis
    now_ms = (await status(queues, ROOM))[1].now_ms
    old = {"closed_at_ms": now_ms - 7_200_000, "restored_at_ms": now_ms - 7_200_000}
    await client.hset(KEYS.conf, mapping=old)
    await queues.stores.postgres.execute("UPDATE rooms SET closed_at = now() - interval '2 hours'")
    await queues.stores.postgres.execute("UPDATE calls SET called_at = called_at - interval '2 hours'")
    await room_log.write(queues.stores, ROOM)


async def _is_loaded(queues: Queues) -> bool:
    client: Client = queues.stores.redis
    return bool(await client.exists(KEYS.conf))


async def test_it_is_told_of_and_refuses_newcomers_without_being_loaded(queues: Queues) -> None:
    await a_closed_room(queues)
    before = (await status(queues, ROOM))[1]
    client: Client = queues.stores.redis
    assert await unload_closed(queues.stores) == 1
    remaining = [it async for it in client.scan_iter("{*")]
    assert [it for it in remaining if await client.ttl(it) == -1] == [], "everything left expires"
    assert not await client.sismember(ROOMS, ROOM)
    await client.delete(busy.KEYS.busy)
    found, now = await status(queues, ROOM)
    assert (found.state, now.state, now.waiting, now.serving_position) == (
        *("closed", "closed"),
        *(before.waiting, before.serving_position),
    )
    with pytest.raises(RoomClosed):
        await join(queues, ROOM, Joiner(a_visitor()))
    assert [it.room_id for it, _ in await room_lists.page(queues, public_only=True)] == [ROOM]
    assert not await _is_loaded(queues)
    assert await busy.busy_rooms(queues.stores.redis, busy.KEYS) == []  # there is no work for it
    assert await unload_closed(queues.stores) == 0


async def test_places_in_line_survive_and_nobody_has_a_second_turn(queues: Queues) -> None:
    them = await a_closed_room(queues)
    assert await unload_closed(queues.stores) == 1
    for number, visitor in enumerate(them.waiting, 4):
        found, _ = await place(queues, ROOM, token(visitor, number))
        assert (found.state, found.queue_number) == ("waiting", number)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await whole(queues.stores)
    for number, visitor in ((1, them.buyer), (2, them.no_show), (3, them.left)):
        for quantity in (1, 2):  # with more than one, they might have been passed over, but were not
            known = PlaceClaims(ROOM, VisitorId(visitor), number, 1, quantity=quantity)
            with pytest.raises(Refusal) as told:
                await claim(queues, ROOM, known)
            assert told.value.code in ("no_show", "done"), visitor


async def test_it_opens_again_with_its_counters_and_new_numbers(queues: Queues) -> None:
    await a_closed_room(queues)
    before = await admission.counters(queues.stores.redis, KEYS)
    last = (await status(queues, ROOM))[1].last_number
    assert await unload_closed(queues.stores) == 1
    await control.set_state(queues, ROOM, "open", by=STAFF)
    assert await admission.counters(queues.stores.redis, KEYS) == before
    await whole(queues.stores)
    found, _ = await join(queues, ROOM, Joiner(a_visitor()))
    assert found.queue_number is not None
    assert found.queue_number > last
    client: Client = queues.stores.redis
    assert await client.sismember(ROOMS, ROOM)
    assert await unload_closed(queues.stores) == 0


async def test_a_room_that_nobody_waited_in_opens_without_waiting_for_anybody(queues: Queues) -> None:
    await a_stored_room(queues.stores, restore_window_s=60, admission_rate_per_minute=6_000)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await control.set_state(queues, ROOM, "close", by=STAFF)
    await _age(queues)
    assert await unload_closed(queues.stores) == 1
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await whole(queues.stores)
    client: Client = queues.stores.redis
    until_ms, now_ms = (
        await client.hget(KEYS.conf, "restore_until_ms"),
        (await status(queues, ROOM))[1].now_ms,
    )
    assert int(until_ms) <= now_ms


async def test_a_worker_that_is_behind_loses_nothing(queues: Queues) -> None:
    """The serving position is not in Postgres yet, so the room stays."""
    await a_closed_room(queues)
    await queues.stores.postgres.execute("UPDATE rooms SET serving_position = 0")
    assert await unload_closed(queues.stores) == 0
    assert await _is_loaded(queues)


async def test_unloading_and_loading_at_once_end_in_a_room_that_is_whole(queues: Queues) -> None:
    them = await a_closed_room(queues)
    for _ in range(5):
        _, (found, _) = await asyncio.gather(
            unload_room(queues.stores, ROOM, closed_s=0, loaded_s=0),
            place(queues, ROOM, token(them.waiting[0], 4)),
        )
        assert (found.state, found.queue_number) == ("waiting", 4)
        if await unload_room(queues.stores, ROOM, closed_s=0, loaded_s=0):
            assert not await _is_loaded(queues)
    assert (await set_quantity(queues, ROOM, token(them.waiting[1], 5), 1))[0].state == "waiting"


async def test_the_books_balance_while_it_is_away_and_after(stores: Stores) -> None:
    client: Client = stores.redis
    async with a_shop(stores) as engine:
        queues = open_queues(stores, Settings(rate_limits=False))
        reserved = await reserve_tickets(engine, await a_session(stores))
        await stores.postgres.execute("UPDATE reservations SET status = 'confirmed', confirmed_at = now()")
        await stores.postgres.execute("UPDATE ticket_types SET sold = held, held = 0")
        await client.delete(LIVE.conf)  # as after a loss of Redis: it is restored with what is sold
        await status(queues, HALL)
        await wait_until(lambda: _unloaded(queues), "the unloading")
        assert await consistency.check(stores, GALA) == []
        assert (await status(queues, HALL))[1].available == 13
        await stores.postgres.execute(
            "UPDATE reservations SET status = 'cancelled', ended_at = now() - interval '1 hour'"
        )
        await stores.postgres.execute("UPDATE ticket_types SET sold = 0")
        assert await holds.repair(stores) == 0  # Redis need not be updated
        await control.set_state(queues, HALL, "open", by=STAFF)
        await whole(queues.stores, HALL)
        assert await holds.repair(stores) == 1
        assert await consistency.check(stores, GALA) == []
        assert reserved.reservation


async def _unloaded(queues: Queues) -> bool:
    if (await status(queues, HALL))[1].state != "closed":
        await control.set_state(queues, HALL, "close", by=STAFF)
    client: Client = queues.stores.redis
    await client.delete(LIVE.active, LIVE.turns)
    await record_progress(queues.stores.postgres, HALL, (await status(queues, HALL))[1])
    await room_log.write(queues.stores, HALL)
    return await unload_room(queues.stores, HALL, closed_s=0, loaded_s=0)


async def test_its_gate_sends_everybody_to_the_queue_page(queues: Queues) -> None:
    await a_closed_room(queues)
    assert await unload_room(queues.stores, ROOM)
    for anew in (True, False):
        assert await enter(open_gate(queues), ROOM, GateVisitor(a_visitor(), "", anew)) is None
    assert not await queues.stores.redis.exists(KEYS.conf)
