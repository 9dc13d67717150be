"""Where the sections of a hall are on its plan.

Revision ID: 0087
"""

from __future__ import annotations

from alembic import op

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE ticket_types ADD COLUMN plan jsonb")  # x, y, turn; NULL: placed automatically


def downgrade() -> None:
    op.execute("ALTER TABLE ticket_types DROP COLUMN plan")
