"""Staff prove again who they are; a sum for refunds by two people is not raised by one.

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
    # Asked for by one person; the row goes when a second one does the same, or the sum is lowered.
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
