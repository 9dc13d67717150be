"""When a session began: one that renews itself never exceeds the room's limit.

Revision ID: 0020
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UP = ("ALTER TABLE sessions ADD began_at timestamptz NOT NULL DEFAULT now()",)

DOWN = ("ALTER TABLE sessions DROP began_at",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
