"""What every process on this database understands (`app/store/sql/agreed.py`).

Revision ID: 0115
"""

from __future__ import annotations

from alembic import op

revision = "0115"
down_revision = "0114"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE agreed (what text PRIMARY KEY, agreed_at timestamptz NOT NULL DEFAULT now())")


def downgrade() -> None:
    op.execute("DROP TABLE agreed")
