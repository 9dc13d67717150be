"""Links that open tickets on another device, and tickets given to somebody else.

Revision ID: 0059
"""

from __future__ import annotations

from alembic import op

revision = "0059"
down_revision = "0068"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password','alert','invite','moved'"
)
MORE = "'tickets_link','transfer_offer','ticket','transferred'"

UP = (
    # As with passwords, a link is derived from the id, which is in its mail, and FAIRGATE_SECRET.
    """
CREATE TABLE ticket_links (
    token_hash       bytea PRIMARY KEY,
    email            text NOT NULL,
    expires_at       timestamptz NOT NULL
)
""",
    "CREATE INDEX ticket_links_expired ON ticket_links (expires_at)",
    # The token of an offer is derived in the same way. Once accepted, the row shows how the holder got the
    # ticket.
    """
CREATE TABLE transfers (
    transfer_id      text PRIMARY KEY,
    token_hash       bytea NOT NULL UNIQUE,
    ticket_id        text NOT NULL REFERENCES tickets ON DELETE CASCADE,
    email            text NOT NULL,
    name             text NOT NULL DEFAULT '',
    locale           text NOT NULL DEFAULT '',
    state            text NOT NULL DEFAULT 'offered' CHECK (state IN ('offered','accepted','withdrawn')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    settled_at       timestamptz
)
""",
    "CREATE UNIQUE INDEX transfers_one_offer ON transfers (ticket_id) WHERE state = 'offered'",
    "CREATE INDEX transfers_of_ticket ON transfers (ticket_id)",
    "CREATE INDEX transfers_to ON transfers (lower(email)) WHERE state = 'accepted'",
    # Not validated: it allows more than the previous one, so every existing row satisfies it.
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},{MORE})) NOT VALID",
)

DOWN = (
    f"DELETE FROM mails WHERE kind IN ({MORE})",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS})) NOT VALID",
    "DROP TABLE transfers",
    "DROP TABLE ticket_links",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
