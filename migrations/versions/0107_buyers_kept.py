"""How long a sale keeps the personal data of its buyers, where that is not as in the whole installation.

Revision ID: 0107
"""

from __future__ import annotations

from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN buyers_keep_days integer")


def downgrade() -> None:
    op.execute("ALTER TABLE events DROP COLUMN buyers_keep_days")
