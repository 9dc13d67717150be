"""Signing keys have a purpose and can be revoked; access tokens can be signed out, and API keys tied to a
network.

Earlier keys signed everything: they keep verifying until what they signed has expired, and new keys for each
purpose take their place.

Revision ID: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0026"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE signing_keys "
    "ADD purpose text NOT NULL DEFAULT 'any' CHECK (purpose IN ('booking','access','pass','any')), "
    "ADD revoked_at timestamptz",
    "UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NULL",
    # The network from which an API key may be used; empty: any.
    "ALTER TABLE api_keys ADD network text NOT NULL DEFAULT ''",
    # Access tokens that were signed out, until they would have expired.
    "CREATE TABLE ended_tokens (jti text PRIMARY KEY, expires_at timestamptz NOT NULL)",
    "CREATE INDEX ended_tokens_age ON ended_tokens (expires_at)",
)

DOWN = (
    "DROP TABLE ended_tokens",
    "ALTER TABLE api_keys DROP network",
    "DELETE FROM signing_keys WHERE revoked_at IS NOT NULL",
    "ALTER TABLE signing_keys DROP purpose, DROP revoked_at",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
