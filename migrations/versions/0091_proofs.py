"""Staff prove again who they are; one person alone cannot raise the limit for refunds by two people.

Revision ID: 0091
"""

from __future__ import annotations

from alembic import op

revision = "0091"
down_revision = "0060"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE sign_ins ADD proved_at timestamptz",  # NULL: not since signing in
    # Requested by one person; the row is deleted when a second one requests the same, or the limit is
    # lowered.
    """
CREATE TABLE refund_limit_asks (
    event_id         text PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    above            bigint,  -- NULL: no limit
    asked_by         text NOT NULL,
    asked_at         timestamptz NOT NULL DEFAULT now()
)
""",
)

DOWN = ("DROP TABLE refund_limit_asks", "ALTER TABLE sign_ins DROP proved_at")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
