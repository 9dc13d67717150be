"""Links for choosing a new password, and the mails that contain them.

Revision ID: 0033
"""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0038"
branch_labels = None
depends_on = None

KINDS = "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message'"

UP = (
    # The link is derived from the id, which is in its mail, and FAIRGATE_SECRET: the link itself is not
    # stored.
    """
CREATE TABLE password_resets (
    token_hash       bytea PRIMARY KEY,
    account_id       text NOT NULL REFERENCES accounts ON DELETE CASCADE,
    expires_at       timestamptz NOT NULL
)
""",
    "CREATE INDEX password_resets_of_account ON password_resets (account_id)",
    # A mail to an account is not about a room; its language is that of the request.
    "ALTER TABLE mails ALTER room_id DROP NOT NULL, ALTER visitor_id DROP NOT NULL, ADD locale text",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'reset_password'))",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'reset_password'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS}))",
    "ALTER TABLE mails ALTER room_id SET NOT NULL, ALTER visitor_id SET NOT NULL, DROP locale",
    "DROP TABLE password_resets",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
