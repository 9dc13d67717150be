"""Sales that are cancelled or moved to another date: since when, from when, and until when refunds are
offered.

Revision ID: 0072
"""

from __future__ import annotations

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password','alert'"
)
JOBS = "'export_orders','export_tickets','export_money','export_audit','cancel_orders','message_buyers'"

UP = (
    "ALTER TABLE events ADD COLUMN cancelled_at timestamptz",
    "ALTER TABLE events ADD COLUMN moved_from timestamptz",  # the start before it was moved
    # Until then buyers can cancel for a refund by themselves; NULL: no limit.
    "ALTER TABLE events ADD COLUMN refund_until timestamptz",
    "ALTER TABLE events ADD COLUMN notice text NOT NULL DEFAULT ''",  # the organiser's message about it
    # Not validated: they allow more than the previous ones, so every existing row satisfies them.
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'invite','moved')) NOT VALID",
    "ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check, "
    f"ADD CONSTRAINT jobs_kind_check CHECK (kind IN ({JOBS},'tell_moved')) NOT VALID",
)
DOWN = (
    "DELETE FROM jobs WHERE kind = 'tell_moved'",
    "ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check, "
    f"ADD CONSTRAINT jobs_kind_check CHECK (kind IN ({JOBS})) NOT VALID",
    "DELETE FROM mails WHERE kind = 'moved'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'invite')) NOT VALID",
    "ALTER TABLE events DROP COLUMN notice",
    "ALTER TABLE events DROP COLUMN refund_until",
    "ALTER TABLE events DROP COLUMN moved_from",
    "ALTER TABLE events DROP COLUMN cancelled_at",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
