"""Migrations go up, down and up again, and end where they began."""

from __future__ import annotations

import asyncio

import asyncpg

from app.runtime import migrate
from tests.conftest import Servers

SCHEMA = """
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""


async def test_down_takes_back_what_up_made(servers: Servers, own_database_url: str) -> None:
    connection = await asyncpg.connect(own_database_url)
    before = await connection.fetch(SCHEMA)
    revisions = 0
    while await connection.fetchval("SELECT count(*) FROM alembic_version"):
        await asyncio.to_thread(migrate.down, own_database_url)
        revisions += 1
    assert await connection.fetch(SCHEMA) == []
    await asyncio.to_thread(migrate.up, own_database_url)
    assert await connection.fetch(SCHEMA) == before
    assert revisions >= 1
    await connection.close()
