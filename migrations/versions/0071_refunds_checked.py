"""No payment was refunded more than it took: checked for all rows.

Revision ID: 0071
"""

from __future__ import annotations

from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE payments VALIDATE CONSTRAINT never_refunded_more")


def downgrade() -> None:
    """A validated constraint does no harm."""
