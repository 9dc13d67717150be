"""SQL of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from app.core.account import RegisteredAccount
from app.core.model import Role
from app.store.connections import Connection, Queries


class AccountFilter(NamedTuple):
    """Which accounts: a part of the e-mail or the name, or the id; and the role. None matches any."""

    q: str | None = None
    role: Role | None = None


_COLUMNS = (
    "account_id, email, name, role, password_hash, created_at, deactivated_at, last_sign_in_at, "
    "last_sign_in_from"
)


def _account(row: Any) -> RegisteredAccount | None:
    return RegisteredAccount(**dict(row.items())) if row else None


async def select_account(queries: Queries, account_id: str) -> RegisteredAccount | None:
    """The account, or None."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE account_id = $1", account_id)
    return _account(row)


async def select_role_and_validity(
    queries: Queries, account_id: str, jti: str, issued_ms: int
) -> tuple[Role | None, bool]:
    """An account's current role, or None if there is no such account; and whether the token is invalid:
    signed out, issued before the password was changed, or of a deactivated account."""
    row = await queries.fetchrow(
        "SELECT (SELECT role FROM accounts WHERE account_id = $1), "
        "EXISTS (SELECT FROM ended_tokens WHERE jti = $2) "
        "OR EXISTS (SELECT FROM accounts WHERE account_id = $1 "
        "           AND (tokens_since_ms > $3 OR deactivated_at IS NOT NULL))",
        *(account_id, jti, issued_ms),
    )
    assert row is not None
    return row[0], row[1]


async def knows_device(queries: Queries, account_id: str, email: str, issued_ms: int) -> bool:
    """Whether the account has this e-mail, and still the password it had then."""
    known: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM accounts WHERE account_id = $1 AND email = $2 AND tokens_since_ms <= $3)",
        *(account_id, email, issued_ms),
    )
    return known


async def end_token(queries: Queries, jti: str, expires_at: datetime) -> None:
    """Invalidate a signed-out token; expired entries are deleted."""
    await queries.execute(
        "WITH gone AS (DELETE FROM ended_tokens WHERE expires_at <= now()) "
        "INSERT INTO ended_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        *(jti, expires_at),
    )


async def select_by_email(queries: Queries, email: str) -> RegisteredAccount | None:
    """The account with this normalised e-mail, or None."""
    return _account(await queries.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE email = $1", email))


async def lock_by_email(connection: Connection, email: str) -> RegisteredAccount | None:
    """The same, locked until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE email = $1 FOR UPDATE", email)
    return _account(row)


async def insert_account(
    queries: Queries, account_id: str, *, email: str, name: str, password_hash: str, role: Role
) -> RegisteredAccount | None:
    """Insert an account; None if the e-mail is taken."""
    row = await queries.fetchrow(
        f"INSERT INTO accounts (account_id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, $5) "
        f"ON CONFLICT (email) DO NOTHING RETURNING {_COLUMNS}",
        *(account_id, email, name, password_hash, role),
    )
    return _account(row)


async def update_name(queries: Queries, account_id: str, name: str) -> RegisteredAccount | None:
    """Rename the account; None if there is no such account."""
    row = await queries.fetchrow(
        f"UPDATE accounts SET name = $2 WHERE account_id = $1 RETURNING {_COLUMNS}", account_id, name
    )
    return _account(row)


async def update_terms(connection: Connection, account: RegisteredAccount) -> None:
    """Write name, role and password of the account."""
    await connection.execute(
        "UPDATE accounts SET name = $2, role = $3, password_hash = $4 WHERE account_id = $1",
        *(account.account_id, account.name, account.role, account.password_hash),
    )


async def replace_hash(postgres: asyncpg.Pool, account_id: str, old: str, new: str) -> None:
    """Replace the hash of the same password, unless the password was changed meanwhile."""
    await postgres.execute(
        "UPDATE accounts SET password_hash = $3 WHERE account_id = $1 AND password_hash = $2",
        *(account_id, old, new),
    )


async def change_password(connection: Connection, account_id: str, old: str, new: str, since_ms: int) -> bool:
    """Set a new password's hash and invalidate older tokens; False: it was changed meanwhile."""
    done = await connection.execute(
        "UPDATE accounts SET password_hash = $3, tokens_since_ms = $4 "
        "WHERE account_id = $1 AND password_hash = $2",
        *(account_id, old, new, since_ms),
    )
    return done == "UPDATE 1"


async def select_page(
    postgres: asyncpg.Pool, criteria: AccountFilter, *, limit: int, offset: int
) -> tuple[list[RegisteredAccount], int]:
    """One page of the accounts, staff first, then the newest; and how many match."""
    where = """
        FROM accounts
        WHERE ($1::text IS NULL OR strpos(email, lower($1)) > 0 OR strpos(lower(name), lower($1)) > 0
               OR account_id = $1)
          AND ($2::text IS NULL OR role = $2)
    """
    rows = await postgres.fetch(
        f"SELECT {_COLUMNS} {where} ORDER BY array_position('{{admin,operator,user}}', role), "
        "created_at DESC, account_id LIMIT $3 OFFSET $4",
        *(*criteria, limit, offset),
        timeout=60,
    )
    accounts = [RegisteredAccount(**dict(row.items())) for row in rows]
    return accounts, await postgres.fetchval(f"SELECT count(*) {where}", *criteria, timeout=60)


async def set_active(connection: Connection, account_id: str, *, active: bool, since_ms: int) -> None:
    """Allow the account to sign in or, if not `active`, prevent it and invalidate its tokens."""
    await connection.execute(
        "UPDATE accounts SET deactivated_at = CASE WHEN $2 THEN NULL ELSE now() END, "
        "tokens_since_ms = CASE WHEN $2 THEN tokens_since_ms ELSE $3 END WHERE account_id = $1",
        *(account_id, active, since_ms),
    )


async def lock_admins(connection: Connection) -> list[str]:
    """The ids of all admins who can sign in, locked until the transaction ends, so that two demotions cannot
    leave no admin."""
    rows = await connection.fetch(
        "SELECT account_id FROM accounts WHERE role = 'admin' AND deactivated_at IS NULL "
        "ORDER BY account_id FOR UPDATE"
    )
    return [row["account_id"] for row in rows]


async def lock_one(connection: Connection, account_id: str) -> RegisteredAccount | None:
    """The account, locked until the transaction ends, or None."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM accounts WHERE account_id = $1 FOR UPDATE", account_id
    )
    return _account(row)
