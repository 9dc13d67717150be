"""The state of both stores, as they report it."""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg
from redis.asyncio.cluster import RedisCluster

from app.store.away import RedisElsewhere, RedisUnable
from app.store.connections import RedisClient
from app.store.keys import WRITABLE

KEEPS_KEYS = "noeviction"
WRITABLE_MS = 60_000


class RedisNode(NamedTuple):
    """One server, as it describes itself; sizes in bytes, 0 for no limit."""

    name: str  # of a node of a cluster; "" for a single server
    server: str  # Redis or Valkey, with its version
    role: str
    replicas: int
    memory: int
    memory_max: int
    clients: int
    ops_per_s: int
    uptime_s: int
    durable: bool  # every write is in the append-only file
    eviction: str  # what happens to keys when memory is full: `noeviction` keeps them


class PostgresState(NamedTuple):
    """The database as it describes itself; sizes in bytes."""

    version: str
    size: int
    connections: int
    connections_max: int
    active: int  # connections that run a statement now
    oldest_s: float  # how long the oldest open transaction has been open
    replica: bool
    durable: bool  # fsync and synchronous commits are on
    uptime_s: float


async def write_redis(redis: RedisClient) -> None:
    """Check that Redis takes writes. Raises one of REDIS_AWAY."""
    client: Any = redis
    try:
        await client.set(WRITABLE, "1", px=WRITABLE_MS)
    except (RedisUnable, RedisElsewhere) as error:
        raise RedisUnable(f"cannot be written: {error}") from error


async def redis_faults(redis: RedisClient) -> list[str]:
    """What is wrong with the configuration of Redis and how to fix it, one sentence each."""
    return [fault for node in await redis_nodes(redis) for fault in faults_of(node)]


def faults_of(node: RedisNode) -> list[str]:
    """What is wrong with the configuration of one server and how to fix it."""
    where = f"Redis {node.name}" if node.name else "Redis"
    found = []
    if node.eviction != KEEPS_KEYS:
        found.append(
            f"{where} may throw away places and holds when its memory is full "
            f"(maxmemory-policy {node.eviction}); set it to {KEEPS_KEYS}"
        )
    if not node.durable:
        found.append(
            f"{where} forgets the last seconds when it ends (no append-only file); set appendonly to yes"
        )
    return found


async def write_postgres(pool: asyncpg.Pool) -> None:
    """Ask whether it takes writes. Raises one of POSTGRES_AWAY."""
    async with pool.acquire() as connection:
        if await connection.fetchval("SELECT current_setting('transaction_read_only')") == "on":
            raise asyncpg.ReadOnlySQLTransactionError("cannot be written: it is read-only")


async def redis_nodes(redis: RedisClient) -> list[RedisNode]:
    """Every server of the installation's Redis."""
    client: Any = redis
    if isinstance(redis, RedisCluster):
        found = await client.info(target_nodes=RedisCluster.ALL_NODES)
        return [_node(name, info) for name, info in sorted(found.items())]
    return [_node("", await client.info())]


def _node(name: str, info: dict[str, Any]) -> RedisNode:
    valkey = info.get("valkey_version")
    return RedisNode(
        name=name,
        server=f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}",
        role=info["role"],
        replicas=int(info.get("connected_slaves", 0)),
        memory=int(info["used_memory"]),
        memory_max=int(info.get("maxmemory", 0)),
        clients=int(info["connected_clients"]),
        ops_per_s=int(info["instantaneous_ops_per_sec"]),
        uptime_s=int(info["uptime_in_seconds"]),
        durable=bool(info.get("aof_enabled", 0)),
        eviction=info.get("maxmemory_policy", KEEPS_KEYS),
    )


async def postgres(pool: asyncpg.Pool) -> PostgresState:
    """The database and its server."""
    row = await pool.fetchrow(
        """
        SELECT current_setting('server_version'), pg_database_size(current_database()),
               (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
               current_setting('max_connections')::int,
               (SELECT count(*) FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()),
               coalesce((SELECT extract(epoch FROM max(now() - xact_start)) FROM pg_stat_activity
                         WHERE pid <> pg_backend_pid()), 0)::float8,
               pg_is_in_recovery(),
               current_setting('fsync')::bool AND current_setting('synchronous_commit') <> 'off',
               extract(epoch FROM now() - pg_postmaster_start_time())::float8
        """
    )
    assert row is not None
    return PostgresState(*row)


async def takes_writes(pool: asyncpg.Pool) -> bool:
    """Whether this is a primary."""
    writes: bool = await pool.fetchval("SELECT NOT pg_is_in_recovery()")
    return writes
