"""Connections to the stores of a test session that tests use one after the other.

A new connection to PostgreSQL is a new process with empty caches: opening some for each test took a quarter
of its CPU time. One that a test left in use, or closed, is not used again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.settings import Settings
from app.store.connections import RedisClient, Stores, connect_postgres, connect_redis, is_cluster
from app.store.drivers.postgres_pool import Role
from app.store.traces import Tracer

# Those that nobody uses, by how they were opened.
_pools: dict[Hashable, list[asyncpg.Pool]] = defaultdict(list)
_clients: dict[Hashable, list[RedisClient]] = defaultdict(list)


@asynccontextmanager
async def shared_postgres(
    url: str, timeout_s: float, connections_max: int, statements: int = 0, *, role: Role = "web"
) -> AsyncIterator[asyncpg.Pool]:
    """A pool as `connect_postgres` opens it, which nobody else uses meanwhile."""
    unused = _pools[url, timeout_s, connections_max, statements, role]
    pool = unused.pop() if unused else None
    if pool is None:
        pool = await connect_postgres(url, timeout_s, connections_max, statements, role=role)
    try:
        yield pool
    finally:
        if not pool.is_closing() and pool.get_idle_size() == pool.get_size() > 0:
            unused.append(pool)
        else:
            pool.terminate()


@asynccontextmanager
async def shared_redis(url: str, timeout_s: float) -> AsyncIterator[RedisClient]:
    """A client as `connect_redis` opens it, which nobody else uses meanwhile. One of a cluster is not reused:
    tests change its nodes."""
    unused = _clients[url, timeout_s]
    client = unused.pop() if unused else await connect_redis(url, timeout_s)
    try:
        yield client
    finally:
        if is_cluster(client) or _in_use(client):
            await client.aclose()
        else:
            unused.append(client)


@asynccontextmanager
async def shared_stores(
    settings: Settings, role: Role = "web", tracer: Tracer | None = None
) -> AsyncIterator[Stores]:
    """Both stores as `connected` opens them."""
    timeout_s = settings.store_timeout_s
    size, statements = settings.postgres_pool_max, settings.postgres_statements
    async with (
        shared_redis(settings.redis_url, timeout_s) as redis,
        shared_postgres(settings.database_url, timeout_s, size, statements, role=role) as postgres,
    ):
        yield Stores(redis, postgres, tracer=tracer)


def backends() -> list[int]:
    """The server's processes behind the pools that nobody uses."""
    unused: list[Any] = [pool for pools in _pools.values() for pool in pools]
    connections = [holder._con for pool in unused for holder in pool._holders]
    return [it.get_server_pid() for it in connections if it is not None and not it.is_closed()]


async def close_shared() -> None:
    """Close what nobody uses."""
    for pool in [it for pools in _pools.values() for it in pools]:
        pool.terminate()
    for client in [it for clients in _clients.values() for it in clients]:
        await client.aclose()
    _pools.clear()
    _clients.clear()


def _in_use(client: Any) -> bool:
    return bool(client.connection_pool._in_use_connections)
