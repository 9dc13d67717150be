"""Connections to Redis (single or Cluster) and Postgres. Drivers are known in the store, nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import ClusterError, OutOfMemoryError, ReadOnlyError, RedisClusterException, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.core.errors import CannotRun
from app.settings import Settings

RedisClient = Redis | RedisCluster  # the commands we use are the same on both

# A refused command or a violated constraint is a decision, not an absence; so both lists name what they mean.
REDIS_AWAY: tuple[type[Exception], ...] = (
    RedisConnectionError,  # also: server is loading its data
    RedisTimeoutError,
    ClusterError,  # down, or its nodes send us in a circle
    RedisClusterException,  # no node answers
    OutOfMemoryError,
    ReadOnlyError,
    OSError,
    TimeoutError,
)
POSTGRES_AWAY: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.DeadlockDetectedError,  # nothing was written: the same again will do
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection broke between two messages of one query
    OSError,
    TimeoutError,
)
STORE_AWAY: tuple[type[Exception], ...] = (*REDIS_AWAY, *POSTGRES_AWAY)

REDIS_VERSION_MIN = (7, 0)
POSTGRES_VERSION_MIN = 15


class StoreRefused(CannotRun):
    """A store cannot be used; the message is one line that says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What operations are handed: the two stores."""

    redis: RedisClient
    postgres: asyncpg.Pool


async def connect_redis(url: str, timeout_s: float, connections_max: int = 200) -> RedisClient:
    """A client for `url`; a Cluster client where the server says it is one. Replies are decoded to str."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
    }
    # One more try on a fresh connection: a pooled one is stale after a restart, and every step may run twice.
    try:
        single: Redis = Redis.from_url(
            url,
            max_connections=connections_max,
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[RedisConnectionError],
            **options,
        )
    except ValueError as error:
        raise StoreRefused(f"REDIS_URL cannot be used: {error}") from None
    single.connection_pool.connection_class = _as_we_speak(single.connection_pool.connection_class)
    try:
        server = await single.info("server")
        cluster = await single.info("cluster")
    except (RedisError, OSError, ValueError) as error:
        await single.aclose()
        raise StoreRefused(f"Redis at {_plain(url)} cannot be reached: {error}") from None
    version = tuple(int(part) for part in str(server["redis_version"]).split(".")[:2])
    if version < REDIS_VERSION_MIN:
        await single.aclose()
        raise StoreRefused(f"Redis at {_plain(url)} is {server['redis_version']}; 7.0 or newer is needed")
    if not cluster.get("cluster_enabled"):
        return single
    await single.aclose()
    clustered: RedisCluster = RedisCluster.from_url(url, **options)
    spoken = _as_we_speak(clustered.connection_kwargs["connection_class"])
    clustered.connection_kwargs["connection_class"] = spoken  # of the nodes it will be told of
    for node in clustered.nodes_manager.startup_nodes.values():
        node.connection_class = spoken
    await clustered.initialize()
    return clustered


def _as_we_speak(connection_class: type[Any]) -> type[Any]:
    """The connection class, with what it costs to ask once more than halved.

    redis-py's synchronous client packs with hiredis, its asynchronous one in Python, argument by argument. It
    also makes a task of each write, to bound it (here the wait for the reply is bound, and nothing is written
    before that came), and looks for left-over data with a read that times out at once.

    And each broken line is said to be broken: redis-py expects OSError, where uvloop says RuntimeError to who
    writes after the break and before they were told of it.
    """
    pack = HiredisRespSerializer().pack

    class Spoken(connection_class):  # type: ignore[misc]  # a class that is known when it runs
        def pack_command(self, *arguments: Any) -> list[bytes]:
            packed: list[bytes] = pack(*arguments)
            return packed

        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            try:
                if self.is_connected and not self.health_check_interval and isinstance(command, list):
                    self._writer.writelines(command)
                else:
                    await super().send_packed_command(command, check_health)
            except RuntimeError as error:
                await self.disconnect(nowait=True)
                raise RedisConnectionError(f"the connection broke: {error}") from error

        async def can_read_destructive(self) -> bool:
            reader = self._reader
            return bool(reader.at_eof() or reader._buffer or self._parser._reader.has_data())

    return Spoken


class _Stateless(asyncpg.Connection):
    """A connection that is handed on as it is: we leave no setting, lock or cursor behind on one.

    The pool would send a query to clear them at each release, a third of what a batch of holds costs.
    """

    def get_reset_query(self) -> str:
        return ""


async def connect_postgres(
    url: str, timeout_s: float, connections_max: int, statements: int = 0
) -> asyncpg.Pool:
    """A pool for `url`. Connections keep so many prepared statements; with none PgBouncer may be between."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=connections_max,
            statement_cache_size=statements,
            timeout=timeout_s,
            command_timeout=max(timeout_s, 5.0),
            connection_class=_Stateless,
        )
        async with pool.acquire(timeout=timeout_s) as connection:
            version = connection.get_server_version()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise StoreRefused(f"PostgreSQL at {_plain(url)} cannot be used: {error}") from None
    if version.major < POSTGRES_VERSION_MIN:
        pool.terminate()
        raise StoreRefused(f"PostgreSQL at {_plain(url)} is {version.major}; 15 or newer is needed")
    return pool


async def ask(settings: Settings) -> None:
    """Ask every store that has an address, and let go again. Raises StoreRefused."""
    if settings.redis_url:
        await (await connect_redis(settings.redis_url, settings.store_timeout_s)).aclose()
    if settings.queue_url:
        queue = await connect_redis(settings.queue_url, settings.store_timeout_s)
        await queue.aclose()
        if isinstance(queue, RedisCluster):
            raise StoreRefused(
                "the job queue cannot be a Redis Cluster; set QUEUE_REDIS_URL to a single server"
            )
    if settings.database_url:
        (await connect_postgres(settings.database_url, settings.store_timeout_s, 1)).terminate()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Stores]:
    """Both stores for the length of a process or a command. Raises StoreRefused."""
    redis = await connect_redis(settings.redis_url, settings.store_timeout_s)
    try:
        postgres = await connect_postgres(
            settings.database_url,
            settings.store_timeout_s,
            settings.postgres_pool_max,
            settings.postgres_statements,
        )
        try:
            yield Stores(redis, postgres)
        finally:
            postgres.terminate()
    finally:
        await redis.aclose()


def _plain(url: str) -> str:
    """The address without user and password, fit for a message."""
    return url.rsplit("@", 1)[-1].split("://")[-1]
