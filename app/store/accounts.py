"""SQL of accounts."""

from __future__ import annotations

from typing import Any

import asyncpg

from app.core.model import RegisteredAccount, Role
from app.store.rooms import Connection, Queries

_COLUMNS = "account_id, email, name, role, password_hash, created_at"


def _account(row: Any) -> RegisteredAccount | None:
    return RegisteredAccount(**dict(row.items())) if row else None


async def select_account(queries: Queries, account_id: str) -> RegisteredAccount | None:
    """The account, None if there is none."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE account_id = $1", account_id)
    return _account(row)


async def select_by_email(queries: Queries, email: str) -> RegisteredAccount | None:
    """The account with this normalised e-mail, None if there is none."""
    return _account(await queries.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE email = $1", email))


async def lock_by_email(connection: Connection, email: str) -> RegisteredAccount | None:
    """The same, locked until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE email = $1 FOR UPDATE", email)
    return _account(row)


async def insert_account(
    queries: Queries, account_id: str, *, email: str, name: str, password_hash: str, role: Role
) -> RegisteredAccount | None:
    """A new account; None when the e-mail is taken."""
    row = await queries.fetchrow(
        f"INSERT INTO accounts (account_id, email, name, password_hash, role) VALUES ($1, $2, $3, $4, $5) "
        f"ON CONFLICT (email) DO NOTHING RETURNING {_COLUMNS}",
        *(account_id, email, name, password_hash, role),
    )
    return _account(row)


async def update_name(queries: Queries, account_id: str, name: str) -> RegisteredAccount | None:
    """Give the account another name; None if there is no such account."""
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
    """Keep another hash of the same password, unless the password was changed meanwhile."""
    await postgres.execute(
        "UPDATE accounts SET password_hash = $3 WHERE account_id = $1 AND password_hash = $2",
        *(account_id, old, new),
    )
