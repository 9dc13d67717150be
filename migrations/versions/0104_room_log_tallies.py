"""Totals of rooms' public logs, so that a page need not read a whole log.

Revision ID: 0104
"""

from __future__ import annotations

from alembic import op

revision = "0104"
down_revision = "0097"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
CREATE TABLE room_log_tallies (
    room_id text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    size    bigint NOT NULL,  -- so many leaves are counted: the log may have more
    tally   jsonb NOT NULL
)
"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE room_log_tallies")
