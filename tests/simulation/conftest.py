"""Both stores for every seed of a sale: one database, one clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.store.connections import connect_redis
from tests.conftest import Servers
from tests.simulation.pinned import PinnedStores, pinned


@pytest.fixture(scope="package")
async def simulation_stores(servers: Servers) -> AsyncIterator[PinnedStores]:
    """The stores, with a clock that is set; each seed empties them first."""
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute(f"CREATE DATABASE simulation TEMPLATE {servers.template}")
    redis = await connect_redis(servers.redis_url, timeout_s=5)
    async with pinned(redis, servers.postgres_url.rpartition("/")[0] + "/simulation") as stores:
        yield stores
    await redis.aclose()
    await admin.execute("DROP DATABASE simulation WITH (FORCE)")
    await admin.close()
