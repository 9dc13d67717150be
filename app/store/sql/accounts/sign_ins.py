"""SQL of sign-ins: the browsers in which staff are signed in to the console."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.model import Role
from app.store.connections import Connection, Queries

SEEN_EVERY = "interval '1 minute'"  # pages are loaded every second; not each needs a write


class SignIn(NamedTuple):
    """A signed-in browser; `role` is the account's current one, `name` None without an account.

    `zone`: the time zone in which times are shown, the account's, else the browser's; "": neither is known.
    """

    sign_in_id: str
    subject: str
    role: Role
    name: str | None
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    zone: str
    own_zone: str  # chosen by the account; "": the browser's
    before_at: datetime | None  # the account's previous sign-in
    before_from: str
    in_sales: bool  # has rights in single sales
    proof_age_s: float  # since the person last proved their identity here


_SELECT = """
    SELECT sign_in_id, subject, coalesce(accounts.role, sign_ins.role) AS role, name, address, agent,
           sign_ins.created_at, seen_at, expires_at,
           coalesce(nullif(accounts.timezone, ''), sign_ins.timezone) AS zone,
           coalesce(accounts.timezone, '') AS own_zone, before_at, before_from,
           EXISTS (SELECT FROM sale_grants WHERE sale_grants.account_id = subject) AS in_sales,
           extract(epoch FROM now() - coalesce(proved_at, sign_ins.created_at))::float8 AS proof_age_s
    FROM sign_ins LEFT JOIN accounts ON account_id = subject
    WHERE expires_at > now() AND deactivated_at IS NULL
"""


async def insert_sign_in(
    queries: Queries,
    secret_hash: bytes,
    subject: str,
    role: Role,
    *,
    address: str,
    agent: str,
    ttl_s: int,
    zone: str,
) -> None:
    """Insert a sign-in, with the account's previous one; delete expired ones."""
    await queries.fetchrow(
        "WITH gone AS (DELETE FROM sign_ins WHERE expires_at <= now()), "
        "before AS (SELECT last_sign_in_at, last_sign_in_from FROM accounts WHERE account_id = $2), "
        "noted AS (UPDATE accounts SET last_sign_in_at = now(), last_sign_in_from = $4 WHERE "
        "account_id = $2) "
        "INSERT INTO sign_ins (secret_hash, subject, role, address, agent, timezone, expires_at, "
        "                      before_at, before_from) "
        "SELECT $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7), "
        "       (SELECT last_sign_in_at FROM before), "
        "       coalesce((SELECT last_sign_in_from FROM before), '')",
        *(secret_hash, subject, role, address, agent, zone, ttl_s),
    )


async def select_sign_in(queries: Queries, secret_hash: bytes, idle_s: int) -> SignIn | None:
    """The sign-in with this secret; None if it has expired, or was idle for longer than `idle_s` (0: no
    limit)."""
    row = await queries.fetchrow(
        f"{_SELECT} AND secret_hash = $1 AND ($2 = 0 OR seen_at > now() - make_interval(secs => $2))",
        *(secret_hash, idle_s),
    )
    return SignIn(*row) if row else None


async def touch(postgres: asyncpg.Pool, sign_in_id: str) -> None:
    """Record its use, to the minute."""
    await postgres.execute(
        f"UPDATE sign_ins SET seen_at = now() WHERE sign_in_id = $1 AND seen_at < now() - {SEEN_EVERY}",
        sign_in_id,
    )


async def prove(postgres: asyncpg.Pool, sign_in_id: str) -> None:
    """Record that the person just proved their identity."""
    await postgres.execute("UPDATE sign_ins SET proved_at = now() WHERE sign_in_id = $1", sign_in_id)


async def set_zone(queries: Queries, sign_in_id: str, subject: str, chosen: str, browser: str) -> None:
    """Set the time zone of an account ("": the browser's), and record the browser's. For a subject without an
    account the choice applies to this sign-in only."""
    await queries.execute(
        "WITH account AS (UPDATE accounts SET timezone = $3 WHERE account_id = $2 RETURNING 1) "
        "UPDATE sign_ins SET timezone = CASE WHEN $3 <> '' AND NOT EXISTS (SELECT FROM account) THEN $3 "
        "WHEN $4 <> '' THEN $4 ELSE timezone END "
        "WHERE sign_in_id = $1 AND subject = $2",
        *(sign_in_id, subject, chosen, browser),
    )


async def select_of(postgres: asyncpg.Pool, subject: str, limit: int) -> list[SignIn]:
    """The sign-ins of one account, the last used first."""
    rows = await postgres.fetch(f"{_SELECT} AND subject = $1 ORDER BY seen_at DESC LIMIT $2", subject, limit)
    return [SignIn(*row) for row in rows]


async def delete(postgres: asyncpg.Pool, subject: str, sign_in_id: str) -> None:
    """End a sign-in of this account."""
    await postgres.execute("DELETE FROM sign_ins WHERE subject = $1 AND sign_in_id = $2", subject, sign_in_id)


async def delete_of(queries: Connection | asyncpg.Pool, subject: str, but: str = "") -> None:
    """End all sign-ins of this account, except `but`."""
    await queries.execute("DELETE FROM sign_ins WHERE subject = $1 AND sign_in_id <> $2", subject, but)
