"""A worker that alone notices an outage of a store notes it in the rooms."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.store.connections import Stores, connect_postgres, connect_redis
from app.waiting_room import control
from app.waiting_room.queue import open_queues, status
from tests.conftest import Servers
from tests.support.builders import KEYS, ROOM, STAFF, Client, a_stored_room
from tests.support.waiting import wait_until
from tests.support.wire import a_wire
from tests.worker.test_admission import OFF, controllers, join_visitors, until


@pytest.mark.parametrize("store", ["redis", "postgres"])
async def test_claim_windows_stand_still_in_an_outage_that_only_a_worker_saw(
    stores: Stores, servers: Servers, database_url: str, store: str
) -> None:
    queues = open_queues(stores, OFF)
    await a_stored_room(stores)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    client: Client = stores.redis
    url = urlsplit(servers.redis_url if store == "redis" else database_url)
    async with a_wire(url.hostname or "", url.port or 0) as wire:
        address = url._replace(
            netloc=url.netloc.replace(f"{url.hostname}:{url.port}", f"127.0.0.1:{wire.port}")
        )
        if store == "redis":
            outages = Stores(await connect_redis(address.geturl(), timeout_s=1), stores.postgres)
        else:
            pool = await connect_postgres(address.geturl(), timeout_s=1, connections_max=4)
            outages = Stores(stores.redis, pool)
        async with controllers(outages):
            await join_visitors(queues, 1)
            await until(queues, "the call", lambda now: now.called == 1)

            called_ms = (await status(queues, ROOM))[1].now_ms

            async def ticked() -> bool:
                """By the worker: the join itself has already ticked the room and called."""
                return int(await client.hget(KEYS.meter, "sure_ms") or 0) > called_ms

            await wait_until(ticked, "a tick")
            await wire.cut()
            cut_ms = (await status(queues, ROOM))[1].now_ms
            await until(queues, "more than a second", lambda now: now.now_ms > cut_ms + 1_200)
            await wire.restore()

            async def stood() -> bool:
                return int(await client.hget(KEYS.meter, "thawed_ms") or 0) > cut_ms + 1_000

            await wait_until(stood, "the end of the outage")
        await (outages.redis.aclose() if store == "redis" else outages.postgres.close())
