"""A new password ends the access tokens that were issued before it.

Revision ID: 0029
"""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0027"
branch_labels = None
depends_on = None

# By the clock of the process that issued the tokens (ms); 0: the password was never changed.
UP = ("ALTER TABLE accounts ADD tokens_since_ms bigint NOT NULL DEFAULT 0",)

DOWN = ("ALTER TABLE accounts DROP tokens_since_ms",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
