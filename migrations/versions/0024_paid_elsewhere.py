"""Payments outside our gateway: paid elsewhere, or nothing to pay; an index of unpublished events.

Revision ID: 0024
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0020"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE payments ADD gateway boolean NOT NULL DEFAULT true",
    "CREATE INDEX events_unpublished ON events (event_id) INCLUDE (room_id) WHERE NOT published",
)

DOWN = ("DROP INDEX events_unpublished", "ALTER TABLE payments DROP gateway")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
