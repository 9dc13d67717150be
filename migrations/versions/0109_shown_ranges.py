"""The shown range of a calculated wait, in the history of a room.

Revision ID: 0109
"""

from __future__ import annotations

from alembic import op

revision = "0109"
down_revision = "0108"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE room_history ADD COLUMN ranges text")


def downgrade() -> None:
    op.execute("ALTER TABLE room_history DROP COLUMN ranges")
