"""SQL of password resets: the links in circulation, and the e-mails that carry them."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from app.core.accounts.password_resets import RESET_S
from app.store.connections import Connection, Queries

LINKS_A_DAY = 3  # links to one address
ASKING_AN_HOUR = 20  # links requested from one network address, which many people may share


class ResetRequest(NamedTuple):
    """A requested link; the hashes are for the traces."""

    token_hash: bytes
    reset_id: str
    email: str
    locale: str
    recipient: bytes
    client: bytes


# The traces are the same whether such an account exists or not.
_ASK = f"""
WITH sent AS (
    SELECT count(*) FILTER (WHERE recipient = $5) AS to_them,
           count(*) FILTER (WHERE client = $6 AND at > now() - interval '1 hour') AS from_there
    FROM mail_traces
    WHERE kind = 'reset_password' AND at > now() - interval '1 day' AND (recipient = $5 OR client = $6)
), counted AS (
    INSERT INTO mail_traces (kind, recipient, client)
    SELECT 'reset_password', $5, $6 FROM sent WHERE to_them < {LINKS_A_DAY} AND from_there < {ASKING_AN_HOUR}
    RETURNING kind
), made AS (
    INSERT INTO password_resets (token_hash, account_id, expires_at)
    SELECT $1, account_id, now() + make_interval(secs => {RESET_S}) FROM accounts, counted
    WHERE email = $3 AND deactivated_at IS NULL
    RETURNING expires_at
)
INSERT INTO mails (kind, subject_id, recipient, guest, until, locale)
SELECT 'reset_password', $2, $3, false, expires_at, $4 FROM made
"""


async def insert_request(postgres: asyncpg.Pool, reset: ResetRequest) -> None:
    """Create a link and queue its e-mail, if an account has this address.

    Serialized per recipient and per client, so that concurrent requests are counted.
    """
    async with postgres.acquire() as connection, connection.transaction():
        for side in sorted((reset.recipient, reset.client)):
            lock = int.from_bytes(side[:8].ljust(8, b"\0"), "big", signed=True)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
        await connection.execute(_ASK, *reset)


async def is_valid(queries: Queries, token_hash: bytes) -> bool:
    """Whether a link is unused and has not expired."""
    good: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM password_resets WHERE token_hash = $1 AND expires_at > now())", token_hash
    )
    return good


async def use(connection: Connection, token_hash: bytes) -> str | None:
    """Use up a link and all others of its account; returns the account, or None if the link is not valid."""
    account_id: str | None = await connection.fetchval(
        "DELETE FROM password_resets WHERE token_hash = $1 AND expires_at > now() RETURNING account_id",
        token_hash,
    )
    if account_id is not None:
        await forget(connection, account_id)
    return account_id


async def forget(connection: Connection, account_id: str) -> None:
    """Invalidate all links of the account."""
    await connection.execute("DELETE FROM password_resets WHERE account_id = $1", account_id)


async def confirm_email(connection: Connection, account_id: str) -> None:
    """Confirm the account's address: whoever used the link reads its e-mails."""
    await connection.execute(
        "UPDATE accounts SET email_confirmed_at = coalesce(email_confirmed_at, now()) WHERE account_id = $1",
        account_id,
    )
