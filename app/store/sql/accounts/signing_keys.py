"""SQL of the signing keys."""

from __future__ import annotations

import asyncio

import asyncpg

from app.core.model import SigningAlgorithm
from app.core.tokens.signing_key import OF_ROOMS, Purpose, SigningKey
from app.core.tokens.tokens import KEY_OVERLAP_S
from app.store.connections import Connection, Queries

_ONE_AT_A_TIME = 0x6661_6972_6B65_7973  # advisory lock: two processes never create a first key each


async def load_keys(postgres: asyncpg.Pool) -> list[SigningKey]:
    """The keys that verify, for each purpose the signing one first. Empty in a new installation."""
    rows = await postgres.fetch(
        """
        SELECT kid, private_pem, purpose, algorithm FROM signing_keys
        WHERE revoked_at IS NULL
          AND (retired_at IS NULL OR retired_at > now() - make_interval(secs => $1))
        ORDER BY retired_at DESC NULLS FIRST, created_at DESC, kid
        """,
        float(KEY_OVERLAP_S),
    )
    return [SigningKey.from_pem(*row) for row in rows]


async def select_newest(queries: Queries, purpose: Purpose) -> SigningKey | None:
    """The EdDSA key that signs for this purpose; None: there is none yet."""
    row = await queries.fetchrow(
        "SELECT kid, private_pem, purpose, algorithm FROM signing_keys WHERE purpose = $1 "
        "AND algorithm = 'EdDSA' AND retired_at IS NULL AND revoked_at IS NULL "
        "ORDER BY created_at DESC, kid LIMIT 1",
        purpose,
    )
    return SigningKey.from_pem(*row) if row else None


async def select_all(queries: Queries, purpose: Purpose) -> list[SigningKey]:
    """All keys that ever signed for this purpose, except revoked ones, newest first."""
    rows = await queries.fetch(
        "SELECT kid, private_pem, purpose, algorithm FROM signing_keys "
        "WHERE purpose = $1 AND revoked_at IS NULL ORDER BY created_at DESC, kid",
        purpose,
    )
    return [SigningKey.from_pem(*row) for row in rows]


async def ages_s(postgres: asyncpg.Pool) -> dict[str, float]:
    """The age of the signing key of each purpose; of several algorithms the oldest."""
    rows = await postgres.fetch(
        """
        SELECT purpose, max(age_s) AS age_s FROM (
            SELECT purpose, extract(epoch FROM now() - max(created_at))::float8 AS age_s FROM signing_keys
            WHERE retired_at IS NULL AND revoked_at IS NULL GROUP BY purpose, algorithm
        ) AS signing GROUP BY purpose
        """
    )
    return {row["purpose"]: row["age_s"] for row in rows}


async def insert_first_key(connection: Connection, key: SigningKey) -> None:
    """Store `key` unless its purpose has a signing key already. Call in a transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    await connection.execute(
        """
        INSERT INTO signing_keys (kid, private_pem, purpose, algorithm)
        SELECT $1, $2, $3, $4
        WHERE NOT EXISTS (
            SELECT FROM signing_keys WHERE retired_at IS NULL AND purpose = $3 AND algorithm = $4)
        """,
        *(key.kid, key.pem(), key.purpose, key.algorithm),
    )


async def ensure_keys(connection: Connection, algorithm: SigningAlgorithm) -> None:
    """Create the missing signing keys for rooms with this algorithm. Call in a transaction."""
    if algorithm == "EdDSA":
        return  # created when the first process starts
    existing = await connection.fetch(
        "SELECT DISTINCT purpose FROM signing_keys WHERE retired_at IS NULL AND algorithm = $1", algorithm
    )
    for purpose in set(OF_ROOMS) - {row["purpose"] for row in existing}:
        await insert_first_key(connection, await asyncio.to_thread(SigningKey.new, purpose, algorithm))


async def signing(connection: Connection) -> list[tuple[Purpose, SigningAlgorithm]]:
    """The purposes and algorithms that have a signing key."""
    rows = await connection.fetch(
        "SELECT DISTINCT purpose, algorithm FROM signing_keys WHERE retired_at IS NULL ORDER BY 1, 2"
    )
    return [(row["purpose"], row["algorithm"]) for row in rows]


async def replace_key(connection: Connection, key: SigningKey) -> str | None:
    """Sign with `key` for its purpose from now on; earlier ones keep verifying for KEY_OVERLAP_S. Call in a
    transaction. Returns the `kid` of the previous signing key, None: there was none."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    rows = await connection.fetch(
        "UPDATE signing_keys SET retired_at = now() "
        "WHERE retired_at IS NULL AND purpose = $1 AND algorithm = $2 RETURNING kid",
        key.purpose,
        key.algorithm,
    )
    await connection.execute(
        "INSERT INTO signing_keys (kid, private_pem, purpose, algorithm) VALUES ($1, $2, $3, $4)",
        *(key.kid, key.pem(), key.purpose, key.algorithm),
    )
    return rows[0]["kid"] if rows else None


async def revoke_key(connection: Connection, kid: str) -> tuple[Purpose, SigningAlgorithm, bool] | None:
    """Revoke a key, so that it no longer verifies; returns its purpose, algorithm and whether it was signing.
    None: there is no such key, or it was revoked before."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
    row = await connection.fetchrow(
        """
        UPDATE signing_keys it SET revoked_at = now(), retired_at = coalesce(it.retired_at, now())
        FROM (SELECT kid, retired_at IS NULL AS signs FROM signing_keys WHERE kid = $1) AS was
        WHERE it.kid = was.kid AND revoked_at IS NULL RETURNING it.purpose, it.algorithm, was.signs
        """,
        kid,
    )
    return (row["purpose"], row["algorithm"], row["signs"]) if row else None
