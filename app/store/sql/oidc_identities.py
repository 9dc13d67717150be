"""SQL of who accounts are at a provider."""

from __future__ import annotations

from app.store.connections import Connection


async def account_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The account of somebody at a provider, if there is one."""
    found: str | None = await connection.fetchval(
        "SELECT account_id FROM oidc_identities WHERE issuer = $1 AND subject = $2", issuer, subject
    )
    return found


async def link(connection: Connection, issuer: str, subject: str, account_id: str) -> None:
    """It is this account from now on."""
    await connection.execute(
        "INSERT INTO oidc_identities (issuer, subject, account_id) VALUES ($1, $2, $3) ON CONFLICT "
        "DO NOTHING",
        *(issuer, subject, account_id),
    )
