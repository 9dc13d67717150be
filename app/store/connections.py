"""Connections to Redis (single, behind Sentinel, or Cluster) and Postgres, for a process or a command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.core.errors import CannotRun, WrongUsage
from app.settings import Settings
from app.store.absent import AbsentIds
from app.store.away import POSTGRES_AWAY, REDIS_AWAY, STORE_AWAY
from app.store.drivers.postgres_address import read_postgres_address
from app.store.drivers.postgres_pool import Connector, Role
from app.store.drivers.redis_address import RedisAddress, read_redis_address
from app.store.drivers.redis_pool import RedisPool, SentinelRedisPool, fast_connection_class
from app.store.traces import Tracer

__all__ = [
    "POSTGRES_AWAY",
    "REDIS_AWAY",
    "STORE_AWAY",
    "Connection",
    "OpenStores",
    "Postgres",
    "Queries",
    "RedisClient",
    "StoreRefused",
    "Stores",
    "WrongAddress",
    "check_stores",
    "connect_postgres",
    "connect_redis",
    "connected",
    "is_cluster",
    "postgres_connector",
    "queue_pool",
]

RedisClient = Redis | RedisCluster  # the commands we use are the same on both
Postgres = asyncpg.Pool
Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
Queries = Postgres | Connection  # a statement of its own, or one in the caller's transaction

NOT_USABLE: tuple[type[Exception], ...] = (
    *POSTGRES_AWAY,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    ValueError,
)

REDIS_VERSION_MIN = (7, 0)
POSTGRES_VERSION_MIN = 15


class StoreRefused(CannotRun):
    """A store cannot be used; the message says in one line which, why and what to do."""


class WrongAddress(StoreRefused, WrongUsage):
    """A store's address is invalid; no connection was attempted."""


def is_cluster(redis: RedisClient) -> bool:
    """Whether this is a Redis Cluster."""
    return isinstance(redis, RedisCluster)


@dataclass(frozen=True, slots=True)
class Stores:
    """The dependencies of operations: the two stores, a memory of ids recently missing from them, and the
    tracer of requests, if there is one."""

    redis: RedisClient
    postgres: asyncpg.Pool
    absent: AbsentIds = field(default_factory=AbsentIds)
    tracer: Tracer | None = None


async def connect_redis(
    url: str, timeout_s: float, connections_max: int = 200, *, setting: str = "REDIS_URL"
) -> RedisClient:
    """A client for `url`; a Cluster client if the server says it is one. Replies are decoded to str."""
    address = _redis_address(url, setting)
    single: Redis = Redis.from_pool(
        _pool(address, timeout_s, setting, decode_responses=True, max_connections=connections_max)
    )
    try:
        server = await single.info("server")
        cluster = await single.info("cluster")
    except (RedisError, OSError, ValueError) as error:
        await single.aclose()
        raise StoreRefused(f"Redis at {address.name} cannot be reached: {error}") from None
    version = tuple(int(part) for part in str(server["redis_version"]).split(".")[:2])
    if version < REDIS_VERSION_MIN:
        await single.aclose()
        raise StoreRefused(f"Redis at {address.name} is {server['redis_version']}; 7.0 or newer is needed")
    if not cluster.get("cluster_enabled"):
        return single
    await single.aclose()
    return await _connect_cluster(url, timeout_s)


async def _connect_cluster(url: str, timeout_s: float) -> RedisCluster:
    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    clustered: RedisCluster = RedisCluster.from_url(url, decode_responses=True, **options)
    spoken = fast_connection_class(clustered.connection_kwargs["connection_class"])
    clustered.connection_kwargs["connection_class"] = spoken  # for nodes it will discover
    for node in clustered.nodes_manager.startup_nodes.values():
        node.connection_class = spoken
    await clustered.initialize()
    return clustered


def queue_pool(settings: Settings) -> RedisPool | SentinelRedisPool:
    """Connections for arq's queue, whose replies are bytes. Raises StoreRefused."""
    name = _queue_setting(settings)
    return _pool(_redis_address(settings.queue_url, name), settings.store_timeout_s, name, max_connections=20)


def _redis_address(url: str, setting: str) -> RedisAddress:
    try:
        return read_redis_address(url)
    except ValueError as error:
        raise WrongAddress(f"{setting} cannot be used: {error}") from None


def _pool(
    address: RedisAddress, timeout_s: float, setting: str, **options: Any
) -> RedisPool | SentinelRedisPool:
    try:
        # One retry on a fresh connection: a pooled one is stale after a restart or a fail-over, and every
        # step may run twice.
        return address.pool(
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[RedisConnectionError],
            **options,
        )
    except ValueError as error:
        raise WrongAddress(f"{setting} cannot be used: {error}") from None


def postgres_connector(url: str, timeout_s: float, role: Role, statements: int = 0) -> Connector:
    """A connector to `url`. Raises StoreRefused."""
    try:
        return Connector(read_postgres_address(url), timeout_s, role, statements)
    except ValueError as error:
        raise WrongAddress(f"DATABASE_URL cannot be used: {error}") from None


async def connect_postgres(
    url: str, timeout_s: float, connections_max: int, statements: int = 0, *, role: Role = "web"
) -> asyncpg.Pool:
    """A pool for `url`. With `statements` 0 nothing is prepared, so PgBouncer may be in between."""
    connector = postgres_connector(url, timeout_s, role, statements)
    name = read_postgres_address(url).name
    try:
        pool = await connector.pool(connections_max)
        async with pool.acquire() as connection:
            version = connection.get_server_version()
    except NOT_USABLE as error:
        why = str(error) or f"no answer within {connector.timeout_s:.0f} s"
        raise StoreRefused(f"PostgreSQL at {name} cannot be used: {why}") from None
    if version.major < POSTGRES_VERSION_MIN:
        pool.terminate()
        raise StoreRefused(f"PostgreSQL at {name} is {version.major}; 15 or newer is needed")
    return pool


async def check_stores(settings: Settings) -> None:
    """Check every store that has an address. Raises StoreRefused."""
    if settings.redis_url:
        await (await connect_redis(settings.redis_url, settings.store_timeout_s)).aclose()
    if settings.queue_url:
        queue = await connect_redis(
            settings.queue_url, settings.store_timeout_s, setting=_queue_setting(settings)
        )
        await queue.aclose()
        if isinstance(queue, RedisCluster):
            raise StoreRefused(
                "the job queue cannot be a Redis Cluster; set QUEUE_REDIS_URL to a single server"
            )
    if settings.database_url:
        (await connect_postgres(settings.database_url, settings.store_timeout_s, 1)).terminate()


class OpenStores(Protocol):
    """Opens both stores for a process, as `connected` does."""

    def __call__(
        self, settings: Settings, *, tracer: Tracer | None = None
    ) -> AbstractAsyncContextManager[Stores]: ...


@asynccontextmanager
async def connected(
    settings: Settings, role: Role = "web", tracer: Tracer | None = None
) -> AsyncIterator[Stores]:
    """Both stores for the lifetime of a process or a command. Raises StoreRefused."""
    redis = await connect_redis(settings.redis_url, settings.store_timeout_s)
    try:
        postgres = await connect_postgres(
            settings.database_url,
            settings.store_timeout_s,
            settings.postgres_pool_max,
            settings.postgres_statements,
            role=role,
        )
        try:
            yield Stores(redis, postgres, tracer=tracer)
        finally:
            postgres.terminate()
    finally:
        await redis.aclose()


def _queue_setting(settings: Settings) -> str:
    return "QUEUE_REDIS_URL" if settings.queue_redis_url else "REDIS_URL"
