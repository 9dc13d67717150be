"""Runs the migrations. The address comes from `fairgate migrate`, never from a file."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import event, pool
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.store.connections import postgres_connector

CONNECT_TIMEOUT_S = 10.0
LOCK_TIMEOUT_MS = 50  # others queue behind a waiting lock request; `app/runtime/migrate.py` tries again


def _do_not_wait_for_locks(connection: Connection) -> None:
    """For this transaction. Outside transactions there are CONCURRENTLY and the like, which block nobody."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")


def _run(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def _connect(url: str) -> None:
    connector = postgres_connector(url, CONNECT_TIMEOUT_S, "migration")
    engine = create_async_engine("postgresql+asyncpg://", poolclass=pool.NullPool, async_creator=connector)
    event.listen(engine.sync_engine, "begin", _do_not_wait_for_locks)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_connect(context.config.get_main_option("sqlalchemy.url") or ""))
