"""A sale's own wording in its e-mails, and test mails of it.

Revision ID: 0060
"""

from __future__ import annotations

from alembic import op

revision = "0060"
down_revision = "0073"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password','alert','invite','moved','tickets_link','transfer_offer','ticket','transferred'"
)

UP = (
    """
CREATE TABLE mail_texts (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    kind             text NOT NULL,
    subject          text NOT NULL DEFAULT '',  -- empty: as usual
    intro            text NOT NULL DEFAULT '',
    PRIMARY KEY (room_id, kind)
)
""",
    # Not validated: it allows more than the previous one, so every existing row satisfies it.
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'test')) NOT VALID",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'test'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS})) NOT VALID",
    "DROP TABLE mail_texts",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
