"""Runs the migrations. The address comes from `fairgate migrate`, never from a file."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import pool
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.store.connections import postgres_connector

CONNECT_TIMEOUT_S = 10.0


def _run(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def _connect(url: str) -> None:
    connector = postgres_connector(url, CONNECT_TIMEOUT_S, "migration")
    engine = create_async_engine("postgresql+asyncpg://", poolclass=pool.NullPool, async_creator=connector)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_connect(context.config.get_main_option("sqlalchemy.url") or ""))
