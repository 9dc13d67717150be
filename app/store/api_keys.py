"""SQL of API keys: the access tokens of machines."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.model import Account, KeyRole
from app.store.rooms import Connection

USED_EVERY_S = 60.0  # `last_used_at` is written at most so often


class ApiKey(NamedTuple):
    """A key as staff see it; `made_by`: a subject, `maker` the name of its account, if there is one."""

    key_id: str
    name: str
    role: KeyRole
    made_by: str
    maker: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    live: bool  # good for a call now
    network: str  # from where it may be used; empty: from anywhere


_SELECT = """
SELECT key_id, api_keys.name, api_keys.role, made_by, accounts.name AS maker, api_keys.created_at, expires_at,
       last_used_at, revoked_at, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS live,
       network
FROM api_keys LEFT JOIN accounts ON account_id = made_by
"""

_READ = f"""
WITH found AS (
    SELECT key_id, last_used_at, network,
           CASE WHEN accounts.role IS NULL OR accounts.role = 'admin' THEN api_keys.role
                ELSE accounts.role END AS role  -- what its maker may do now, if that is less
    FROM api_keys LEFT JOIN accounts ON account_id = made_by
    WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
), used AS (
    UPDATE api_keys SET last_used_at = now() FROM found
    WHERE api_keys.key_id = found.key_id
      AND (found.last_used_at IS NULL OR found.last_used_at < now() - make_interval(secs => {USED_EVERY_S}))
)
SELECT key_id, role, network FROM found
"""


async def read(postgres: asyncpg.Pool, digest: bytes) -> tuple[Account, str] | None:
    """Whom the key with this digest speaks for, and its network; None: there is none, or it has ended. Notes
    its use."""
    row = await postgres.fetchrow(_READ, digest)
    return (Account(subject=row["key_id"], role=row["role"]), row["network"]) if row else None


async def insert(
    connection: Connection,
    key_id: str,
    digest: bytes,
    *,
    name: str,
    role: KeyRole,
    expires_at: datetime | None,
    made_by: str,
    network: str,
) -> datetime:
    """A new key; when it was made."""
    made: datetime = await connection.fetchval(
        "INSERT INTO api_keys (key_id, digest, name, role, expires_at, made_by, network) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING created_at",
        *(key_id, digest, name, role, expires_at, made_by, network),
    )
    return made


async def revoke(connection: Connection, key_id: str) -> str | None:
    """The key is good for nothing from now on; its name, None: there is no key, or it was revoked before."""
    name: str | None = await connection.fetchval(
        "UPDATE api_keys SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL RETURNING name",
        key_id,
    )
    return name


async def select(postgres: asyncpg.Pool, *, limit: int, offset: int) -> tuple[list[ApiKey], int]:
    """A part of the keys, the newest first, also those that have ended; and how many there are."""
    rows = await postgres.fetch(
        f"{_SELECT} ORDER BY api_keys.created_at DESC, key_id LIMIT $1 OFFSET $2", limit, offset
    )
    return [ApiKey(*row) for row in rows], await postgres.fetchval("SELECT count(*) FROM api_keys")


async def select_one(postgres: asyncpg.Pool, key_id: str) -> ApiKey | None:
    """One key, None when there is none."""
    row = await postgres.fetchrow(f"{_SELECT} WHERE key_id = $1", key_id)
    return ApiKey(*row) if row else None
