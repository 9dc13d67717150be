"""How connections to Postgres are opened, borrowed from the pool, bounded and closed, for all statements.

Limits enforced by the server are set at the BEGIN of each transaction, for that transaction only: PgBouncer
shares a connection among clients and drops settings made while connecting. A single statement is limited by
us: past its deadline the server is asked to cancel it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
from asyncpg.pool import PoolAcquireContext

from app.store.away import POSTGRES_AWAY, postgres_connection_unusable
from app.store.drivers.postgres_address import PostgresAddress
from app.store.spans import RECORD, span
from app.store.traces import Attributes, sql_comment, sql_summary

Role = Literal["web", "worker", "command", "migration"]

CANCEL_WAIT_S = 1.0  # for the server to confirm the cancellation; a connection that does not is abandoned


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds; 0: none."""

    statement_s: float
    lock_s: float  # waiting for one lock
    idle_s: float  # in a transaction, between two statements: releases the locks of a hung process

    @property
    def sql(self) -> str:
        """The statement that sets them for the current transaction."""
        return "".join(
            f"SET LOCAL {name} = {round(seconds * 1000)};"
            for name, seconds in (
                ("statement_timeout", self.statement_s),
                ("lock_timeout", self.lock_s),
                ("idle_in_transaction_session_timeout", self.idle_s),
            )
        )


# We limit each statement ourselves (`command_timeout`, or its own `timeout` of at most a minute). The server
# limits what we leave behind when we hang or get disconnected.
BOUNDS: dict[Role, Timeouts] = {
    "web": Timeouts(statement_s=70, lock_s=3, idle_s=120),
    "worker": Timeouts(statement_s=70, lock_s=5, idle_s=120),  # restores a room in one transaction
    "command": Timeouts(statement_s=300, lock_s=30, idle_s=300),  # a person is watching
    # everybody waits behind a statement that waits for a lock
    "migration": Timeouts(statement_s=0, lock_s=5, idle_s=0),
}


class PlainConnection(asyncpg.Connection):
    """A connection that is returned to the pool as it is: we leave no setting, lock or cursor behind.

    The pool would send a query to clear them at each release, which costs a third of a batch of holds.
    """

    bounds = BOUNDS["web"]

    def get_reset_query(self) -> str:
        return ""

    async def close(self, *, timeout: float | None = None) -> None:
        # The pool closes expired connections in tasks that nobody awaits; an unresponsive one has been
        # aborted.
        with suppress(*POSTGRES_AWAY):
            await super().close(timeout=timeout)

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        sent = query + self.bounds.sql if query.startswith("BEGIN") else _traced(query)  # asyncpg's BEGIN
        with span("postgres", self, query):
            return await super().execute(sent, *args, timeout=timeout)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        with span("postgres", self, query):
            return await super().fetch(_traced(query), *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        with span("postgres", self, query):
            return await super().fetchrow(_traced(query), *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        with span("postgres", self, query):
            return await super().fetchval(_traced(query), *args, **options)

    def describe(self, what: str) -> tuple[str, Attributes]:
        """A statement for traces: a summary, and its text, which contains no values."""
        connection: Any = self
        host, port = connection._addr if isinstance(connection._addr, tuple) else (connection._addr, 0)
        summary, text = sql_summary(what)
        attributes: Attributes = {
            "db.system.name": "postgresql",
            "db.namespace": connection._params.database,
            "db.operation.name": summary.partition(" ")[0],
            "db.query.summary": summary,
            "db.query.text": text,
            "server.address": host,
            "fairgate.autocommit": not self.is_in_transaction(),
        }
        return summary, attributes | ({"server.port": port} if port else {})


def _traced(query: str) -> str:
    """The statement, with a comment if its request is sampled, for the outbox to store."""
    record = RECORD.get()
    if record is None or record.span is None:
        return query
    return query + sql_comment(record.span, record.traces)


class Pool(asyncpg.Pool):
    """A pool with a deadline on acquiring connections, which drops unusable ones."""

    acquire_s: float
    letting_go: set[asyncio.Task[None]]  # see `_Lease._let_go`

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext:
        return _Lease(self, timeout or self.acquire_s)


class _Lease(PoolAcquireContext):
    """A connection for the duration of a block."""

    async def __aenter__(self) -> Any:
        pool: Any = self.pool
        try:
            with span("postgres_pool"):
                async with asyncio.timeout(self.timeout):
                    self.connection = await pool._acquire(None)
        except TimeoutError:
            raise TimeoutError(f"no connection to PostgreSQL within {self.timeout:.0f} s") from None
        except asyncpg.InterfaceError:
            if not self.pool.is_closing():
                raise
            raise asyncpg.ConnectionDoesNotExistError("this process is stopping") from None
        return self.connection

    async def __aexit__(self, *raised: object) -> None:
        error = raised[1]
        if error is None:
            return await super().__aexit__(*raised)
        assert isinstance(error, BaseException)
        connection: Any = self.connection
        lost = _is_closed(connection)
        if not lost and postgres_connection_unusable(error):
            connection.terminate()
            if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                await self.pool.expire_connections()  # the others lead to the same server
        if isinstance(error, TimeoutError | asyncio.CancelledError) and not lost:
            await self._let_go()
        else:
            await super().__aexit__(*raised)
        if lost and isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
            # asyncpg reports a usage error, but the connection broke meanwhile.
            raise asyncpg.ConnectionDoesNotExistError(f"the connection was lost: {error}") from error

    async def _let_go(self) -> None:
        """Return a connection whose statement took too long; the server is told to cancel it."""
        connection: Any = self.connection
        self.connection, self.done = None, True
        pool: Any = self.pool
        letting_go = asyncio.create_task(_released(pool, connection))
        pool.letting_go.add(letting_go)
        letting_go.add_done_callback(pool.letting_go.discard)
        await asyncio.shield(letting_go)  # even if the caller is cancelled again


async def _released(pool: Pool, connection: Any) -> None:
    try:
        await pool.release(connection, timeout=CANCEL_WAIT_S)
    except POSTGRES_AWAY:
        # it was unresponsive and is closed by now: the others may be unresponsive, too
        await pool.expire_connections()


def _is_closed(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # closed, and already detached from the pool
        return True


async def _connect(**options: Any) -> asyncpg.Connection:
    connection: asyncpg.Connection = await asyncpg.connect(**options)
    return connection


class Connector:
    """Connects to the first suitable host, starting with the one used last."""

    def __init__(self, address: PostgresAddress, timeout_s: float, role: Role, statements: int = 0) -> None:
        self._hosts = list(address.hosts)
        self.timeout_s = address.connect_timeout_s or timeout_s
        self._options = {
            **address.options,
            "timeout": self.timeout_s,
            "command_timeout": None if role == "migration" else max(timeout_s, 5.0),
            "statement_cache_size": statements,
            "connection_class": type("PlainConnection", (PlainConnection,), {"bounds": BOUNDS[role]}),
        }

    async def __call__(self, **options: Any) -> asyncpg.Connection:
        """Connect. Raises one of POSTGRES_AWAY, or the error that the options caused."""
        options |= self._options
        if not self._hosts:
            return await _connect(**options)
        why: Exception | None = None
        for host, port in tuple(self._hosts):
            try:
                connection = await _connect(host=host, port=port, **options)
            except asyncpg.InvalidAuthorizationSpecificationError:
                raise
            except POSTGRES_AWAY as error:
                why = error
            else:
                self._hosts.sort(key=lambda it: it != (host, port))
                return connection
        assert why is not None
        raise why

    def pool(self, connections_max: int) -> Pool:
        """Create a pool of such connections; to be awaited."""
        connect: Any = self
        pool = Pool(
            min_size=1,
            max_size=connections_max,
            max_queries=50_000,
            max_inactive_connection_lifetime=300.0,
            loop=None,
            connect=connect,
            connection_class=PlainConnection,
            record_class=asyncpg.Record,
        )
        pool.letting_go = set()
        pool.acquire_s = max(5.0, self.timeout_s * max(1, len(self._hosts)) + 1.0)
        return pool
