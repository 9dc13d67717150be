"""Cosignatures by witnesses of the heads of public logs.

Revision ID: 0114
"""

from __future__ import annotations

from alembic import op

revision = "0114"
down_revision = "0113"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
CREATE TABLE room_log_cosignatures (
    room_id text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    witness text NOT NULL,    -- its name
    size    bigint NOT NULL,  -- of the head
    line    text NOT NULL,    -- its signature, as in a note
    PRIMARY KEY (room_id, witness, size)
)
"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE room_log_cosignatures")
