"""The state of the database and its server, as it reports it."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg


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


async def write_postgres(pool: asyncpg.Pool) -> None:
    """Ask whether it takes writes. Raises one of POSTGRES_AWAY."""
    async with pool.acquire() as connection:
        if await connection.fetchval("SELECT current_setting('transaction_read_only')") == "on":
            raise asyncpg.ReadOnlySQLTransactionError("cannot be written: it is read-only")


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
