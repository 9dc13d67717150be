"""Files that staff export: one row per ticket, payments and refunds, the audit log; also as spreadsheets.

Revision ID: 0067
"""

from __future__ import annotations

from alembic import op

revision = "0067"
down_revision = "0051"
branch_labels = None
depends_on = None

BEFORE = "'export_orders','cancel_orders','message_buyers'"
NEW = "'export_tickets','export_money','export_audit'"

UP = (
    "ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check",
    f"ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ({BEFORE},{NEW})) NOT VALID",
    # Jobs that change orders or message people run one at a time per event; exports only read.
    "ALTER TABLE job_parts ADD COLUMN rows int NOT NULL DEFAULT 0",
)
DOWN = (
    "ALTER TABLE job_parts DROP COLUMN rows",
    f"DELETE FROM jobs WHERE kind IN ({NEW})",
    "ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check",
    f"ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ({BEFORE}))",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
