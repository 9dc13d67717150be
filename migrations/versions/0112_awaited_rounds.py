"""An index to find the rounds of the beacon that draws await.

Revision ID: 0112
"""

from __future__ import annotations

from alembic import op

revision = "0112"
down_revision = "0111"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS rooms_awaited_rounds")
        op.execute(
            "CREATE INDEX CONCURRENTLY rooms_awaited_rounds ON rooms (draw_round) "
            "WHERE draw_round IS NOT NULL AND draw_root IS NULL"
        )


def downgrade() -> None:
    op.execute("DROP INDEX rooms_awaited_rounds")
