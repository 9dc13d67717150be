"""SQL of accounts' identities at OpenID providers."""

from __future__ import annotations

from app.store.connections import Connection


async def account_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The account linked to a person at a provider, if any."""
    account_id: str | None = await connection.fetchval(
        "SELECT account_id FROM oidc_identities WHERE issuer = $1 AND subject = $2", issuer, subject
    )
    return account_id


async def link(connection: Connection, issuer: str, subject: str, account_id: str) -> None:
    """Link an account to a person at a provider."""
    await connection.execute(
        "INSERT INTO oidc_identities (issuer, subject, account_id) VALUES ($1, $2, $3) ON CONFLICT "
        "DO NOTHING",
        *(issuer, subject, account_id),
    )
