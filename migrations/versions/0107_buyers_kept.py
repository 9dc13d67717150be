"""How long a sale keeps its buyers' personal data, where it differs from the installation.

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
