"""What is counted at the gates of rooms, for their cockpits.

Revision ID: 0046
"""

from __future__ import annotations

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE gate_counts (
            room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
            outcome          text NOT NULL,  -- a word, and perhaps a detail: which rule, which code
            count            bigint NOT NULL,
            first_at         timestamptz NOT NULL,
            last_at          timestamptz NOT NULL,
            PRIMARY KEY (room_id, outcome)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE gate_counts")
