"""Refunds above a sale's limit wait for a second person.

Revision ID: 0077
"""

from __future__ import annotations

from alembic import op

revision = "0077"
down_revision = "0072"
branch_labels = None
depends_on = None

UP = (
    """
CREATE TABLE refund_limits (
    event_id         text PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    above            bigint NOT NULL CHECK (above >= 0)  -- in minor units: more than this needs two people
)
""",
    # Requested by one person; the row is deleted when a second one requests the same.
    """
CREATE TABLE refund_approvals (
    reservation_id   text PRIMARY KEY REFERENCES reservations ON DELETE CASCADE,
    amount           bigint NOT NULL,
    asked_by         text NOT NULL,
    asked_at         timestamptz NOT NULL DEFAULT now()
)
""",
)

DOWN = ("DROP TABLE refund_approvals", "DROP TABLE refund_limits")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
