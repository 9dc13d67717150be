"""When ticket types are on sale, and holds that are extended once.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE ticket_types ADD sale_from timestamptz, ADD sale_until timestamptz, "
    "ADD CONSTRAINT sale_in_order CHECK (sale_from < sale_until)",
    # How much longer a visitor may ask a hold to last, once; 0: not offered.
    "ALTER TABLE events ADD hold_extend_s int NOT NULL DEFAULT 0 CHECK (hold_extend_s BETWEEN 0 AND 86400)",
    # By how much `expires_at` was extended; the original time is the difference.
    "ALTER TABLE reservations ADD extended_s int NOT NULL DEFAULT 0",
)

DOWN = (
    "ALTER TABLE reservations DROP extended_s",
    "ALTER TABLE events DROP hold_extend_s",
    "ALTER TABLE ticket_types DROP sale_from, DROP sale_until",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
