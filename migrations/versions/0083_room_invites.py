"""Invitations to a room for members, each a personal link to an address.

Revision ID: 0083
"""

from __future__ import annotations

from alembic import op

revision = "0083"
down_revision = "0089"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password','alert','invite','moved','tickets_link','transfer_offer','ticket','transferred','test'"
)

UP = (
    # As with staff invitations, the link is derived from the id and FAIRGATE_SECRET; this is its digest.
    """
CREATE TABLE room_invites (
    invite_id    text PRIMARY KEY,
    room_id      text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    token_hash   bytea NOT NULL UNIQUE,
    member_key   bytea NOT NULL,  -- of `members`
    email        text NOT NULL,  -- in lower case
    invited_at   timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz
)
""",
    "CREATE UNIQUE INDEX room_invites_of ON room_invites (room_id, email)",
    "CREATE INDEX room_invites_of_address ON room_invites (email)",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'room_invite')) NOT VALID",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'room_invite'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS})) NOT VALID",
    "DROP TABLE room_invites",
)


def upgrade() -> None:
    """Apply."""
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """Go back."""
    for statement in DOWN:
        op.execute(statement)
