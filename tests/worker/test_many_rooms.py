"""Many rooms: a worker's resources depend on the busy ones, and each room is served promptly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from redis.asyncio.cluster import RedisCluster

from app.core.model import EventId, Item, RoomId, RoomSettings, TicketTypeId
from app.core.tokens.claims import BookingClaims
from app.reservations.operations import reserve
from app.reservations.pending import ReservationEngine
from app.restoring.room import rebuild_room
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import ROOMS, RoomKeys
from app.store.redis import busy
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, open_queues, status
from tests.support.builders import SEED, STAFF, a_visitor, token
from tests.support.sales import SETTINGS, an_engine
from tests.support.waiting import PATIENCE_S, wait_until
from worker.context import WorkerContext
from worker.lifespan import LOOPS

pytestmark = pytest.mark.slow

MANY = 150
OPEN = 120  # more than BUSY_CONNECTIONS_MAX: a connection for each room would be noticed
CONNECTIONS_MAX = 60  # to either store, of worker, engine and test together
BUSY_CONNECTIONS_MAX = 110  # while twenty rooms sell at the same moment
OFF = Settings(rate_limits=False)
_SETTINGS = RoomSettings(name="One of many", admission_rate_per_minute=6_000, restore_window_s=0)


async def many_rooms(stores: Stores, names: Sequence[str], state: str) -> None:
    """Rooms with an event each, in both stores, as if they had been created one after the other."""
    settings = msgspec.json.encode(_SETTINGS).decode()
    await stores.postgres.execute(
        "INSERT INTO rooms (room_id, settings, state, seed, opened_at) "
        "SELECT name, $2::jsonb, $3, $4, CASE WHEN $3 = 'open' THEN now() END "
        "FROM unnest($1::text[]) AS name",
        *(names, settings, state, SEED),
    )
    await stores.postgres.execute(
        "INSERT INTO events (event_id, room_id, name, starts_at) "
        "SELECT name, name, name, now() + interval '1 day' FROM unnest($1::text[]) AS name",
        names,
    )
    await stores.postgres.execute(
        "INSERT INTO ticket_types (event_id, ticket_type_id, name, price, total) "
        "SELECT name, 'floor', 'Floor', 100, 10 FROM unnest($1::text[]) AS name",
        names,
    )
    left = iter(names)

    async def load() -> None:
        for name in left:
            assert await rebuild_room(stores, RoomId(name))

    await asyncio.gather(*(load() for _ in range(3)))


@asynccontextmanager
async def a_worker(stores: Stores) -> AsyncIterator[WorkerContext]:
    """Run all loops of a worker until the block ends."""
    ctx = WorkerContext(OFF, stores, "worker", asyncio.Event())
    tasks = [asyncio.ensure_future(loop(ctx)) for loop in LOOPS]
    try:
        yield ctx
    finally:
        ctx.stopping.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)


def rooms_with_ticker() -> list[str]:
    """The rooms, and their streams, for which this process has a task."""
    names = [it.get_name() for it in asyncio.all_tasks()]
    return [it for it in names if it.startswith(("admit_room ", "drain_room "))]


async def connections(stores: Stores) -> int:
    """Open connections to Redis or to Postgres, whichever is larger."""
    client: Any = stores.redis
    where = {"target_nodes": RedisCluster.ALL_NODES} if isinstance(client, RedisCluster) else {}
    found = await client.client_list(**where)
    clients = max(map(len, found.values())) if isinstance(found, dict) else len(found)
    backends = await stores.postgres.fetchval(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    return max(clients, int(backends))


async def buy(queues: Queues, engine: ReservationEngine, name: str) -> None:
    """A visitor joins, is called and reserves; it takes only a moment."""
    visitor, room_id = a_visitor(), RoomId(name)
    found, _ = await join(queues, room_id, Joiner(visitor))

    async def begun() -> int:
        return (await claim(queues, room_id, token(visitor, found.queue_number)))[0].session_expires_at_ms

    expires_ms = await wait_until(begun, "the call")
    claims = BookingClaims(room_id, visitor, jti="jti", iat=expires_ms // 1000 - 600, exp=expires_ms // 1000)
    items = [Item(ticket_type_id=TicketTypeId("floor"), quantity=1)]
    reserved = await reserve(engine, claims, EventId(name), items, idempotency_key=name)
    assert reserved.reservation


async def test_rooms_at_rest_have_no_connection_and_no_task_and_each_is_sold_from_at_once(
    stores: Stores,
) -> None:
    names = [f"many{number}" for number in range(MANY)]
    await many_rooms(stores, names[:OPEN], "open")
    await many_rooms(stores, names[OPEN:], "scheduled")
    queues = open_queues(stores, OFF)
    client: Any = stores.redis
    assert await client.scard(ROOMS) == MANY
    async with a_worker(stores), an_engine(stores, SETTINGS) as engine:

        async def at_rest() -> bool:
            return len(rooms_with_ticker()) <= 2  # one or two that the round is visiting

        await wait_until(at_rest, "all rooms to be idle")
        assert await connections(stores) <= CONNECTIONS_MAX
        await asyncio.wait_for(
            asyncio.gather(*(buy(queues, engine, it) for it in names[:OPEN:6])), PATIENCE_S
        )
        assert set(names[:OPEN:6]) <= {it.partition(" ")[2] for it in rooms_with_ticker()}
        assert await connections(stores) <= BUSY_CONNECTIONS_MAX
        await control.set_state(queues, RoomId(names[-1]), "open", by=STAFF)
        await asyncio.wait_for(buy(queues, engine, names[-1]), PATIENCE_S)


async def test_a_room_at_rest_acts_at_the_times_that_staff_set(stores: Stores) -> None:
    """Only Postgres knows of the room: it is not in Redis, and nobody asks for it."""
    now = datetime.now(UTC)
    settings = msgspec.structs.replace(_SETTINGS, opens_at=now, closes_at=now + timedelta(seconds=3))
    await stores.postgres.execute(
        "INSERT INTO rooms (room_id, settings, state, seed) VALUES ('timed', $1, 'scheduled', $2)",
        msgspec.json.encode(settings).decode(),
        SEED,
    )
    async with a_worker(stores):

        async def recorded(state: str) -> bool:
            return bool(await stores.postgres.fetchval("SELECT state FROM rooms") == state)

        await wait_until(lambda: recorded("open"), "the opening")
        await wait_until(lambda: recorded("closed"), "the closing")


async def test_a_room_whose_mark_was_lost_is_found_by_the_round(stores: Stores) -> None:
    """The process that admitted the visitor died before it marked the room, and nobody asks."""
    await many_rooms(stores, ["lost"], "open")
    queues, room_id = open_queues(stores, OFF), RoomId("lost")
    await control.set_state(queues, room_id, "pause", by=STAFF)
    await join(queues, room_id, Joiner(a_visitor()))
    client: Any = stores.redis
    await client.hset(RoomKeys(room_id).conf, "state", "open")
    await client.delete(busy.KEYS.busy)
    await stores.postgres.execute("UPDATE rooms SET changed_at = now() - interval '1 day'")
    async with a_worker(stores):

        async def called() -> bool:
            serving = await client.hget(RoomKeys(room_id).meter, "serving_position")
            return int(serving) == 1

        await wait_until(called, "the call")
    assert (await status(queues, room_id))[1].called == 1
