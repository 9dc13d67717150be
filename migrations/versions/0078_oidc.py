"""The identities of accounts at an OpenID Connect provider.

Revision ID: 0078
"""

from __future__ import annotations

from alembic import op

revision = "0078"
down_revision = "0059"
branch_labels = None
depends_on = None

UP = (
    """
CREATE TABLE oidc_identities (
    issuer           text NOT NULL,
    subject          text NOT NULL,
    account_id       text NOT NULL REFERENCES accounts ON DELETE CASCADE,
    linked_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
)
""",
    "CREATE INDEX oidc_identities_of_account ON oidc_identities (account_id)",
)

DOWN = ("DROP TABLE oidc_identities",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
