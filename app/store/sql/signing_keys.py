"""SQL of the signing keys."""

from __future__ import annotations

import asyncpg

from app.core.signing_key import Purpose, SigningKey
from app.core.tokens import KEY_OVERLAP_S
from app.store.connections import Connection

_ONE_AT_A_TIME = 0x6661_6972_6B65_7973  # advisory lock: two processes never make a first key each


async def load_keys(postgres: asyncpg.Pool) -> list[SigningKey]:
    """The keys that verify, of each purpose the one that signs first. Empty in a new installation."""
    rows = await postgres.fetch(
        """
        SELECT kid, private_pem, purpose FROM signing_keys
        WHERE revoked_at IS NULL
          AND (retired_at IS NULL OR retired_at > now() - make_interval(secs => $1))
        ORDER BY retired_at DESC NULLS FIRST, created_at DESC, kid
        """,
        float(KEY_OVERLAP_S),
    )
    return [SigningKey.from_pem(row["kid"], row["private_pem"], row["purpose"]) for row in rows]


async def ages_s(postgres: asyncpg.Pool) -> dict[str, float]:
    """How old the key is that signs for each purpose."""
    rows = await postgres.fetch(
        """
        SELECT purpose, extract(epoch FROM now() - max(created_at))::float8 AS age_s FROM signing_keys
        WHERE retired_at IS NULL AND revoked_at IS NULL GROUP BY purpose
        """
    )
    return {row["purpose"]: row["age_s"] for row in rows}


async def insert_first_key(postgres: asyncpg.Pool, key: SigningKey) -> None:
    """Keep `key` unless there is one that signs for its purpose already."""
    async with postgres.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
        await connection.execute(
            """
            INSERT INTO signing_keys (kid, private_pem, purpose)
            SELECT $1, $2, $3
            WHERE NOT EXISTS (SELECT FROM signing_keys WHERE retired_at IS NULL AND purpose = $3)
            """,
            *(key.kid, key.pem(), key.purpose),
        )


async def replace_key(connection: Connection, key: SigningKey) -> str | None:
    """Sign with `key` for its purpose from now on; those before it go on verifying for KEY_OVERLAP_S. In a
    transaction of the caller. Returns the `kid` that signed until now, None: there was none."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    rows = await connection.fetch(
        "UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NULL AND purpose = $1 RETURNING kid",
        key.purpose,
    )
    await connection.execute(
        "INSERT INTO signing_keys (kid, private_pem, purpose) VALUES ($1, $2, $3)",
        *(key.kid, key.pem(), key.purpose),
    )
    return rows[0]["kid"] if rows else None


async def revoke_key(connection: Connection, kid: str) -> tuple[Purpose, bool] | None:
    """This key verifies nothing from now on: its purpose, and whether it signed. None: there is no such key,
    or it was revoked before."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    row = await connection.fetchrow(
        """
        UPDATE signing_keys it SET revoked_at = now(), retired_at = coalesce(it.retired_at, now())
        FROM (SELECT kid, retired_at IS NULL AS signs FROM signing_keys WHERE kid = $1) AS was
        WHERE it.kid = was.kid AND revoked_at IS NULL RETURNING it.purpose, was.signs
        """,
        kid,
    )
    return (row["purpose"], row["signs"]) if row else None
