"""Signing keys of other algorithms than EdDSA, for rooms that choose one.

Revision ID: 0050
"""

from __future__ import annotations

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE signing_keys ADD algorithm text NOT NULL DEFAULT 'EdDSA' "
    "CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256'))",
)
DOWN = (
    "DELETE FROM signing_keys WHERE algorithm <> 'EdDSA'",  # an earlier release cannot read them
    "ALTER TABLE signing_keys DROP algorithm",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
