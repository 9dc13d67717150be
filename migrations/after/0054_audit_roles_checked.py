"""Migration 0047 allowed the autopilot in the audit log; here the earlier rows are checked, too.

Revision ID: 0054
"""

from __future__ import annotations

from alembic import op

revision = "0054"
down_revision = None
branch_labels = ("after",)
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE audit VALIDATE CONSTRAINT audit_role_check")


def downgrade() -> None:
    """A validated constraint does no harm."""
