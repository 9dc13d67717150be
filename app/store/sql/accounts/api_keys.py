"""SQL of API keys: the access tokens of machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.model import KeyRole, Role
from app.store.connections import Connection, Queries

CHAIN_MAX = 8  # keys created by keys
USED_EVERY_S = 60.0  # `last_used_at` is written at most this often


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
    live: bool  # valid now
    network: str  # the only network it may be used from; "": any
    scopes: list[str] | None  # None: everything its role allows
    events: list[str] | None  # None: all events


_SELECT = """
SELECT key_id, api_keys.name, api_keys.role, made_by, accounts.name AS maker, api_keys.created_at, expires_at,
       last_used_at, revoked_at, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS live,
       network, scopes, events
FROM api_keys LEFT JOIN accounts ON account_id = made_by
"""

# The key, then the key that created it, and so on: none may do more than its creator may do now.
_READ = f"""
WITH RECURSIVE chain AS (
    SELECT api_keys.*, 1 AS step FROM api_keys WHERE digest = $1
    UNION ALL
    SELECT api_keys.*, step + 1 FROM chain JOIN api_keys ON api_keys.key_id = chain.made_by
    WHERE step <= {CHAIN_MAX}
), used AS (
    UPDATE api_keys SET last_used_at = now() FROM chain
    WHERE api_keys.key_id = chain.key_id AND step = 1
      AND NOT EXISTS (SELECT FROM chain WHERE revoked_at IS NOT NULL OR expires_at <= now())
      AND (chain.last_used_at IS NULL OR chain.last_used_at < now() - make_interval(secs => {USED_EVERY_S}))
)
SELECT key_id, chain.role, accounts.role AS maker_role, network, scopes, events,
       (SELECT array_agg(room_id) FROM events AS it WHERE it.event_id = ANY(chain.events)) AS rooms,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS live
FROM chain LEFT JOIN accounts ON account_id = made_by ORDER BY step
"""


class KeyRow(NamedTuple):
    """The limits of one key; `maker_role` None: another key or the command line created it."""

    key_id: str
    role: KeyRole
    maker_role: Role | None
    network: str
    scopes: list[str] | None
    events: list[str] | None
    rooms: list[str] | None
    live: bool


async def read(postgres: asyncpg.Pool, digest: bytes) -> list[KeyRow]:
    """The key with this digest, followed by the keys that created it; empty if there is no such key, or
    the chain is too long. Records the use."""
    rows = await postgres.fetch(_READ, digest)
    return [KeyRow(*row) for row in rows] if len(rows) <= CHAIN_MAX else []


async def missing_events(queries: Queries, events: Sequence[str]) -> list[str]:
    """Those of these that are not events, in order."""
    rows = await queries.fetch("SELECT event_id FROM events WHERE event_id = ANY($1)", events)
    existing = {row["event_id"] for row in rows}
    return [it for it in events if it not in existing]


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
    scopes: Sequence[str] | None,
    events: Sequence[str] | None,
) -> datetime:
    """Insert a key; returns when it was created."""
    created_at: datetime = await connection.fetchval(
        "INSERT INTO api_keys (key_id, digest, name, role, expires_at, made_by, network, scopes, events) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING created_at",
        *(key_id, digest, name, role, expires_at, made_by, network, scopes, events),
    )
    return created_at


async def revoke(connection: Connection, key_id: str) -> str | None:
    """Revoke the key; returns its name, or None if there is none or it was revoked before."""
    name: str | None = await connection.fetchval(
        "UPDATE api_keys SET revoked_at = now() WHERE key_id = $1 AND revoked_at IS NULL RETURNING name",
        key_id,
    )
    return name


async def revoke_of(connection: Connection, account_id: str) -> list[tuple[str, str]]:
    """Revoke the keys that this account created; returns the id and name of each."""
    rows = await connection.fetch(
        "UPDATE api_keys SET revoked_at = now() WHERE made_by = $1 AND revoked_at IS NULL "
        "RETURNING key_id, name",
        account_id,
    )
    return [(row["key_id"], row["name"]) for row in rows]


async def select(postgres: asyncpg.Pool, *, limit: int, offset: int) -> tuple[list[ApiKey], int]:
    """One page of the keys, newest first, including expired and revoked ones; and how many there are."""
    rows = await postgres.fetch(
        f"{_SELECT} ORDER BY api_keys.created_at DESC, key_id LIMIT $1 OFFSET $2", limit, offset
    )
    return [ApiKey(*row) for row in rows], await postgres.fetchval("SELECT count(*) FROM api_keys")


async def select_one(postgres: asyncpg.Pool, key_id: str) -> ApiKey | None:
    """The key, or None."""
    row = await postgres.fetchrow(f"{_SELECT} WHERE key_id = $1", key_id)
    return ApiKey(*row) if row else None
