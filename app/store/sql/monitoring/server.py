"""The state of the database and its server, as reported by itself."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from app.store.connections import Queries


class PostgresState(NamedTuple):
    """The database as it describes itself; sizes in bytes."""

    version: str
    size: int
    connections: int
    connections_max: int
    active: int  # connections running a statement now
    oldest_s: float  # age of the oldest open transaction
    replica: bool
    durable: bool  # fsync and synchronous commits are on
    uptime_s: float


async def write_postgres(pool: asyncpg.Pool) -> None:
    """Check that it accepts writes. Raises one of POSTGRES_AWAY."""
    async with pool.acquire() as connection:
        if await connection.fetchval("SELECT current_setting('transaction_read_only')") == "on":
            raise asyncpg.ReadOnlySQLTransactionError("does not accept writes: it is read-only")
        await connection.fetchval(_TAKES_WRITES)


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


# If commits wait for a standby, this makes one that writes nothing but its own record.
_TAKES_WRITES = """
SELECT CASE WHEN pg_is_in_recovery() THEN false
            WHEN current_setting('synchronous_standby_names') = '' THEN true
            ELSE pg_logical_emit_message(true, 'fairgate', '') IS NOT NULL END
"""


async def takes_writes(pool: asyncpg.Pool) -> bool:
    """Whether this is a primary; if commits wait for a standby, returns only once the standby has caught
    up."""
    writes: bool = await pool.fetchval(_TAKES_WRITES)
    return writes


async def be_sure(queries: Queries) -> None:
    """Return once everything readable now will survive, on disk and on a synchronous standby.

    A statement that timed out while its commit waited for the standby is committed nevertheless, on this
    server only. So before a result that was found rather than written is repeated, we wait for a commit of
    our own.
    """
    await queries.execute("SELECT pg_logical_emit_message(true, 'fairgate', '')")
