"""The store load of a worker with little to do depends on the rooms that move, not on how many exist."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest

from app.core.model import RoomId
from app.store.connections import Stores, connect_redis
from app.store.keys import RoomKeys
from app.store.redis.busy import KEYS
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import join, open_queues
from tests.conftest import Servers
from tests.support.builders import STAFF, a_visitor
from tests.support.waiting import wait_until
from tests.worker.test_many_rooms import OFF, a_worker, many_rooms

pytestmark = pytest.mark.slow

STARTED = 3  # samples: all of a worker's loops start in the first seconds
MOMENTS = 2  # samples of a room, two seconds apart, that make up the counting period
QUIET = [f"quiet{number}" for number in range(20)]
EMPTY = [f"empty{number}" for number in range(40)]


class StoreLoad(NamedTuple):
    """Calls per second."""

    round_trips: float  # to Redis
    scripts: float


class CountingStores:
    """The worker's stores, and how often it has called Redis."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.round_trips = 0


@asynccontextmanager
async def counted(servers: Servers, stores: Stores) -> AsyncIterator[CountingStores]:
    """The same stores, but with a Redis client that only the worker uses."""
    client: Any = await connect_redis(servers.redis_url, timeout_s=5)
    counting = CountingStores(Stores(client, stores.postgres))

    class Counting(client.connection_pool.connection_class):
        async def send_packed_command(self, *arguments: Any, **options: Any) -> None:
            counting.round_trips += 1
            await super().send_packed_command(*arguments, **options)

    await client.connection_pool.disconnect()
    client.connection_pool.connection_class = Counting
    try:
        yield counting
    finally:
        await client.aclose()


async def measure_load(counting: CountingStores, stores: Stores, room_id: str) -> StoreLoad:
    """Count for a few seconds."""
    client: Any = stores.redis
    samples = RoomKeys(RoomId(room_id)).samples

    async def totals() -> tuple[float, int, int]:
        seconds, micros = await client.time()
        scripts = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
        return seconds + micros / 1e6, counting.round_trips, scripts

    async def sampled(times: int) -> bool:
        return bool(await client.xlen(samples) >= times)

    await wait_until(partial(sampled, STARTED), "a worker that has started all of its loops")
    before = await totals()
    await wait_until(partial(sampled, STARTED + MOMENTS), "some samples")
    took_s, *counted = (after - start for after, start in zip(await totals(), before, strict=True))
    return StoreLoad(*(count / took_s for count in counted))


async def test_what_rooms_cost_in_which_nothing_moves_does_not_grow_with_them(
    stores: Stores, servers: Servers
) -> None:
    await many_rooms(stores, [*QUIET, *EMPTY], "open")
    client: Any = stores.redis
    await client.delete(KEYS.busy)  # as if they had been created long ago
    await stores.postgres.execute("UPDATE rooms SET changed_at = now() - interval '1 day'")
    queues = open_queues(stores, OFF)
    for name in QUIET:  # somebody waits in each, and nobody is called
        await control.configure(queues, RoomId(name), {"admission_rate_per_minute": 0}, by=STAFF)
        await join(queues, RoomId(name), Joiner(a_visitor()))
    async with counted(servers, stores) as found, a_worker(found.stores):
        it = await measure_load(found, stores, QUIET[0])
    assert it.round_trips <= 32  # it was 280 when each room ticked by itself
    # Per room: a tick and a sample every second, a status and an alert check every two; plus calls that
    # belong to no room.
    assert it.scripts <= 4 * len(QUIET)
