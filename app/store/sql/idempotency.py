"""SQL of replies remembered for 24 hours, for staff calls with an Idempotency-Key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from app.store.connections import Connection
from app.store.sql.monitoring.server import be_sure

KEPT_H = 24


class Reply(NamedTuple):
    """A reply that was sent."""

    fingerprint: str
    status: int
    body: bytes


@asynccontextmanager
async def one_at_a_time(postgres: asyncpg.Pool, scope: str, key: str) -> AsyncIterator[Connection]:
    """Serialize equal calls across all processes. If a caller dies, the next one proceeds."""
    async with postgres.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{scope} {key}")
        yield connection


async def select_reply(connection: Connection, scope: str, key: str) -> Reply | None:
    """The reply to the same call in the last 24 hours, if there was one."""
    row = await connection.fetchrow(
        "SELECT fingerprint, status, body FROM idempotent_replies WHERE scope = $1 AND idempotency_key = $2 "
        "AND created_at > now() - make_interval(hours => $3)",
        scope,
        key,
        KEPT_H,
    )
    if row is None:
        return None
    await be_sure(connection)
    return Reply(row["fingerprint"], row["status"], row["body"])


async def insert_reply(connection: Connection, scope: str, key: str, reply: Reply) -> None:
    """Store a reply, replacing an outdated one."""
    await connection.execute(
        """
        INSERT INTO idempotent_replies (scope, idempotency_key, fingerprint, status, body)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (scope, idempotency_key) DO UPDATE SET
            fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body,
            created_at = now()
        """,
        scope,
        key,
        *reply,
    )
