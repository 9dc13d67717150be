"""Jobs that create codes.

Revision ID: 0097
"""

from __future__ import annotations

from alembic import op

revision = "0097"
down_revision = "0087"
branch_labels = None
depends_on = None

JOBS = (
    "'export_orders','export_tickets','export_money','export_audit','cancel_orders','message_buyers',"
    "'tell_moved'"
)

UP = (
    # Not validated: it allows more than the previous one, so every existing row satisfies it.
    "ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check, "
    f"ADD CONSTRAINT jobs_kind_check CHECK (kind IN ({JOBS},'make_codes')) NOT VALID",
)
DOWN = (
    "DELETE FROM jobs WHERE kind = 'make_codes'",
    "ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check, "
    f"ADD CONSTRAINT jobs_kind_check CHECK (kind IN ({JOBS})) NOT VALID",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
