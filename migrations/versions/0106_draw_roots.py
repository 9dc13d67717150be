"""What a lottery's draws use in addition to the seed, if a room wants it: the root of its log.

Revision ID: 0106
"""

from __future__ import annotations

from alembic import op

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE rooms ADD COLUMN draw_root bytea")
    op.execute("ALTER TABLE room_logs ADD COLUMN mixes boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE room_logs DROP COLUMN mixes")
    op.execute("ALTER TABLE rooms DROP COLUMN draw_root")
