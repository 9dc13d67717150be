"""No process of release 0.2.0, whose workers do not read submissions in batches, is left.

Revision ID: 0116
"""

from __future__ import annotations

from alembic import op

revision = "0116"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO agreed (what) VALUES ('batches') ON CONFLICT DO NOTHING")


def downgrade() -> None:
    op.execute("DELETE FROM agreed WHERE what = 'batches'")
