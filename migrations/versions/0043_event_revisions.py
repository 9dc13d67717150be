"""How many times an event was changed: calendars recognise a newer file by its higher number.

Revision ID: 0043
"""

from __future__ import annotations

from alembic import op

revision = "0043"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD revision integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE events DROP revision")
