"""The stores that all seeds of a sale share: one database, one clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import Servers
from tests.simulation.pinned import PinnedStores, pinned_stores


@pytest.fixture(scope="session")
async def simulation_stores(servers: Servers) -> AsyncIterator[PinnedStores]:
    """The stores, with a clock that is set; each seed empties them first."""
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute(f"CREATE DATABASE simulation TEMPLATE {servers.template}")
    async with pinned_stores(
        servers.redis_url, servers.postgres_url.rpartition("/")[0] + "/simulation"
    ) as stores:
        yield stores
    await admin.execute("DROP DATABASE simulation WITH (FORCE)")
    await admin.close()
