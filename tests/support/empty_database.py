"""A database without rows, for the next test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from tests.support.shared_stores import backends

Empty = Callable[[str], Awaitable[None]]

# Connections left by the previous test might hold locks; those kept for the next one do not. Postgres' own
# wait for their end sleeps for 0.1 s.
ALONE = """
DO $$ BEGIN
    FOR attempt IN 1..1000 LOOP
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
          AND (pid <> ALL (ARRAY[%s]::int[]) OR state <> 'idle');
        EXIT WHEN NOT FOUND;
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$
"""
IF_USED = """
SELECT format('CASE WHEN EXISTS (SELECT FROM %1$I) THEN ''%1$I'' END', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'agreed')
"""
NO_TRIGGERS = "SET session_replication_role = replica"  # and without foreign key checks


@asynccontextmanager
async def emptying() -> AsyncIterator[Empty]:
    """A function that deletes all rows of a database. It reuses its connection: a new one would cost more."""
    kept: dict[str, tuple[asyncpg.Connection, str]] = {}

    async def empty(database_url: str) -> None:
        if database_url not in kept:
            connection = await asyncpg.connect(database_url)
            await connection.execute(NO_TRIGGERS)
            each = [row[0] for row in await connection.fetch(IF_USED)]
            kept[database_url] = connection, f"SELECT array_remove(ARRAY[{', '.join(each)}], NULL)"
        connection, which = kept[database_url]
        await connection.execute(ALONE % ", ".join(map(str, backends())))
        if used := await connection.fetchval(which):
            await connection.execute(";".join(f"DELETE FROM {name}" for name in used))

    try:
        yield empty
    finally:
        for connection, _ in kept.values():
            connection.terminate()
