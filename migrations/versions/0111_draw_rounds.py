"""A lottery's draw may await a round of a public randomness beacon: which one, and its signature.

Revision ID: 0111
"""

from __future__ import annotations

from alembic import op

revision = "0111"
down_revision = "0110"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE rooms ADD COLUMN draw_round bigint")
    op.execute("ALTER TABLE rooms ADD COLUMN draw_signature bytea")
    op.execute("ALTER TABLE room_logs ADD COLUMN draw_round bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE room_logs DROP COLUMN draw_round")
    op.execute("ALTER TABLE rooms DROP COLUMN draw_signature")
    op.execute("ALTER TABLE rooms DROP COLUMN draw_round")
