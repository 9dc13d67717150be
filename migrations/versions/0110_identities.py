"""The identity of visitors, in rooms that ask newcomers for it: one place for each mailbox.

Revision ID: 0110
"""

from __future__ import annotations

from alembic import op

revision = "0110"
down_revision = "0109"
branch_labels = None
depends_on = None

UP = (
    # One row per mailbox that was confirmed for a room, so that each has one place: which visitor it is now.
    """
CREATE TABLE identities (
    room_id      text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    identity_key bytea NOT NULL,  -- a keyed hash of the mailbox
    visitor_id   text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('email', 'passkey')),  -- the strongest that was shown
    made_at      timestamptz,  -- the fan's account, if one was shown
    since        timestamptz NOT NULL DEFAULT now(),  -- in this browser
    PRIMARY KEY (room_id, identity_key)
)
""",
    "CREATE INDEX identities_of_visitor ON identities (room_id, visitor_id)",
)


def upgrade() -> None:
    """Apply."""
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """Go back."""
    op.execute("DROP TABLE identities")
