"""SQL of the signing keys."""

from __future__ import annotations

import asyncpg

from app.core.tokens import KEY_OVERLAP_S, SigningKey
from app.store.rooms import Connection

_ONE_AT_A_TIME = 0x6661_6972_6B65_7973  # advisory lock: two processes never make a first key each


async def load_keys(postgres: asyncpg.Pool) -> list[SigningKey]:
    """The keys that verify, the one that signs first. Empty in a new installation."""
    rows = await postgres.fetch(
        """
        SELECT kid, private_pem FROM signing_keys
        WHERE retired_at IS NULL OR retired_at > now() - make_interval(secs => $1)
        ORDER BY retired_at DESC NULLS FIRST, created_at DESC, kid
        """,
        float(KEY_OVERLAP_S),
    )
    return [SigningKey.from_pem(row["kid"], row["private_pem"]) for row in rows]


async def insert_first_key(postgres: asyncpg.Pool, key: SigningKey) -> None:
    """Keep `key` unless there is one that signs already."""
    async with postgres.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
        await connection.execute(
            """
            INSERT INTO signing_keys (kid, private_pem)
            SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM signing_keys WHERE retired_at IS NULL)
            """,
            key.kid,
            key.pem(),
        )


async def replace_key(connection: Connection, key: SigningKey) -> str | None:
    """Sign with `key` from now on; the ones before it go on verifying for KEY_OVERLAP_S. In a transaction of
    the caller. Returns the `kid` that signed until now, None: there was none."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    rows = await connection.fetch(
        "UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NULL RETURNING kid"
    )
    await connection.execute(
        "INSERT INTO signing_keys (kid, private_pem) VALUES ($1, $2)", key.kid, key.pem()
    )
    return rows[0]["kid"] if rows else None
