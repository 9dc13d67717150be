"""Connections to Redis: cheaper than redis-py's own, and only ones that still work.

An open connection may be useless: its server has become a replica, or went silent behind a proxy. The first
call that finds out renews them all: each is reconnected before its next use.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.cluster import ClusterParser
from redis.asyncio.connection import AbstractConnection, DefaultParser
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.store.away import RedisElsewhere, redis_error
from app.store.spans import span
from app.store.traces import SCRIPT_NAMES, Attributes

PORT = 6379  # the default, omitted from names
_pack = HiredisRespSerializer().pack

# The Cluster client handles these itself, by their classes.
_FOR_THE_CLUSTER_CLIENT = ClusterParser.EXCEPTION_CLASSES.keys() - DefaultParser.EXCEPTION_CLASSES.keys()


class _ReadyConnections:
    """Connects connections before a pool hands them out. redis-py connects under a lock: with an unresponsive
    server, each caller would wait for the time-outs of all callers before it."""

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        pool: Any = self  # a ConnectionPool
        connection = pool.get_available_connection()
        try:
            if connection.is_outdated:
                await connection.disconnect(nowait=True)
            await pool.ensure_connection(connection)
        except BaseException:
            await pool.release(connection)
            raise
        return connection


class RedisPool(_ReadyConnections, ConnectionPool):
    """Connections to one address."""


class Sentinels(Sentinel):
    """The Sentinels of one primary. redis-py moves the one that answered to the front of its list; if several
    tasks ask at once while one is down, that overwrites another, which is then never asked again."""

    def __init__(self, addresses: Iterable[tuple[str, int]], sentinel_kwargs: dict[str, Any]) -> None:
        super().__init__(addresses, sentinel_kwargs=sentinel_kwargs)  # type: ignore[no-untyped-call]
        self.known = tuple(self.sentinels)

    async def discover_master(self, service_name: str) -> Any:
        try:
            return await super().discover_master(service_name)
        finally:
            first = self.sentinels[0]
            self.sentinels = [first, *(it for it in self.known if it is not first)]


class SentinelRedisPool(_ReadyConnections, SentinelConnectionPool):
    """Connections to whichever server the Sentinels report as the primary."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        try:
            await super().disconnect(inuse_connections)
        finally:
            if inuse_connections:  # the pool is being closed: close the Sentinel connections, too
                for sentinel in self.sentinel_manager.known:
                    await sentinel.connection_pool.disconnect()


class _Renewals:
    """How many times all connections of a client were found useless."""

    count = 0


class _Commands:
    """How a connection packs commands, and how a trace describes the one whose reply is awaited."""

    # That command and its first argument (of a batch, those of its first); empty once a reply has arrived.
    sent: tuple[Any, ...] = ()

    def pack_command(self, *arguments: Any) -> list[bytes]:
        self.sent = arguments[:2]
        packed: list[bytes] = _pack(*arguments)
        return packed

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        of_all = list(commands)
        connection: Any = super()
        packed: list[bytes] = connection.pack_commands(of_all)
        self.sent = "PIPELINE", len(of_all), *(tuple(of_all[0])[:2] if of_all else ())
        return packed

    def describe(self, _what: str) -> tuple[str, Attributes]:
        """The command for a trace: scripts by name, others without arguments, which may be personal data."""
        connection: Any = self
        command, argument, first, digest = (*self.sent, "", "", "", "")[:4]
        operation, size = str(command).upper(), argument
        if operation != "PIPELINE":
            first, digest = command, argument
        script = SCRIPT_NAMES.get(digest, "") if str(first).upper() == "EVALSHA" else ""
        server = getattr(connection, "host", "") or getattr(connection, "path", "")
        attributes = _attributes(
            operation, script, str(server), int(getattr(connection, "port", PORT)), connection.db
        )
        return f"{operation} {script}".rstrip(), (
            {**attributes, "db.operation.batch.size": size} if operation == "PIPELINE" else attributes
        )


@lru_cache(maxsize=256)
def _attributes(operation: str, script: str, server: str, port: int, database: int) -> Attributes:
    attributes: Attributes = {
        "db.system.name": "redis",
        "db.operation.name": operation,
        "server.address": server,
    }
    if port != PORT:
        attributes["server.port"] = port
    if database:
        attributes["db.namespace"] = str(database)
    if script:
        attributes["db.stored_procedure.name"] = script
    return attributes


class _FastConnection(_Commands, AbstractConnection):
    """The improvements over redis-py; `fast_connection_class` explains them."""

    renewals: _Renewals  # of the client
    contexts: list[ssl.SSLContext]  # at most one: reading the system's certificates is slow
    made_in = 0

    def __init__(self, **options: Any) -> None:
        options["parser_class"] = _store_error_parser(options.get("parser_class", DefaultParser))
        super().__init__(**options)

    @property
    def is_outdated(self) -> bool:
        """Whether it was connected before a connection of this client was found useless."""
        return self.is_connected and self.made_in != self.renewals.count

    async def _connect(self) -> None:
        self.made_in = self.renewals.count
        # that of the class it is combined with
        await super()._connect()  # type: ignore[no-untyped-call,safe-super]

    def _connection_arguments(self) -> Any:
        arguments: Any = super()._connection_arguments()  # type: ignore[misc]  # as above
        if "ssl" in arguments:
            self.contexts[:] = self.contexts or [arguments["ssl"]]
            arguments["ssl"] = self.contexts[0]
        return arguments

    @property
    def _is_closing(self) -> bool:
        writer: Any = self._writer
        return writer is not None and writer.transport.is_closing()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            if self.is_connected and not self.health_check_interval and isinstance(command, list):
                self._writer.writelines(command)  # type: ignore[union-attr]  # it is connected
            else:
                await super().send_packed_command(command, check_health)
        except (RuntimeError, AttributeError) as error:
            if isinstance(error, AttributeError) and not self._is_closing:
                raise
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"the connection broke: {error}") from error

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            with span("redis", self if self.sent else None):
                return await super().read_response(*arguments, **options)
        except (RedisTimeoutError, RedisElsewhere):
            if self.made_in == self.renewals.count:  # otherwise others noticed before
                self.renewals.count += 1
            raise
        finally:
            self.sent = ()

    async def can_read_destructive(self) -> bool:
        reader: Any = self._reader
        parser: Any = self._parser
        return bool(reader.at_eof() or reader._buffer or parser._reader.has_data())


def fast_connection_class(connection_class: type[Any]) -> type[Any]:
    """A connection class for one client that more than halves the cost of a call.

    redis-py's synchronous client packs with hiredis, its asynchronous one in Python, argument by argument. It
    also creates a task for each write to bound its time (here the wait for the reply is bounded, and nothing
    is written before the previous reply), and detects left-over data with a read that times out at once.

    A write on a broken connection raises RedisConnectionError: redis-py expects OSError, but uvloop raises
    RuntimeError until it has reported the break, and asyncio of Python 3.12 and 3.13.0 AttributeError later.
    """
    of_client = {"renewals": _Renewals(), "contexts": []}
    return type("FastConnection", (_FastConnection, connection_class), of_client)


@cache
def _store_error_parser(parser_class: type[Any]) -> type[Any]:
    """The parser, raising replies that mean an unavailable server as such."""
    kept = _FOR_THE_CLUSTER_CLIENT if issubclass(parser_class, ClusterParser) else frozenset()

    class StoreErrorParser(parser_class):  # type: ignore[misc]  # known only at run time
        @classmethod
        def parse_error(cls, response: str) -> Any:
            away = None if response.partition(" ")[0] in kept else redis_error(response)
            return away or super().parse_error(response)

    return StoreErrorParser
