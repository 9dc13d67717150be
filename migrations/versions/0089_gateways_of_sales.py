"""Which of the configured payment gateways a sale offers.

Revision ID: 0089
"""

from __future__ import annotations

from alembic import op

revision = "0089"
down_revision = "0088"
branch_labels = None
depends_on = None

UP = ("ALTER TABLE events ADD COLUMN payments text[] NOT NULL DEFAULT '{}'",)  # empty: all of them
DOWN = ("ALTER TABLE events DROP COLUMN payments",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
