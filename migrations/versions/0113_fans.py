"""Fans' accounts, which have no password: a confirmed mailbox, and passkeys.

Revision ID: 0113
"""

from __future__ import annotations

from alembic import op

revision = "0113"
down_revision = "0112"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password','alert','invite','moved','tickets_link','transfer_offer','ticket','transferred','test',"
    "'room_invite'"
)

UP = (
    """
CREATE TABLE fans (
    fan_id       text PRIMARY KEY,  -- the user handle of their passkeys
    mailbox      text NOT NULL UNIQUE,  -- one spelling of all addresses that reach it
    email        text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX fans_of_address ON fans (lower(email))",
    """
CREATE TABLE fan_passkeys (
    passkey_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    credential_id bytea NOT NULL UNIQUE,
    fan_id        text NOT NULL REFERENCES fans ON DELETE CASCADE,
    public_key    bytea NOT NULL,
    sign_count    bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz
)
""",
    "CREATE INDEX fan_passkeys_of_fan ON fan_passkeys (fan_id)",
    # A browser on the page of fans' accounts: it was sent a code, or has proved whose account it is.
    """
CREATE TABLE fan_steps (
    step_hash    bytea PRIMARY KEY,
    code_id      text NOT NULL,  -- the code is derived from it and FAIRGATE_SECRET
    email        text NOT NULL,
    confirmed    boolean NOT NULL DEFAULT false,
    tries        integer NOT NULL DEFAULT 0,
    expires_at   timestamptz NOT NULL
)
""",
    "CREATE INDEX fan_steps_expired ON fan_steps (expires_at)",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'fan_code')) NOT VALID",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'fan_code'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS})) NOT VALID",
    "DROP TABLE fan_steps",
    "DROP TABLE fan_passkeys",
    "DROP TABLE fans",
)


def upgrade() -> None:
    """Apply."""
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """Go back."""
    for statement in DOWN:
        op.execute(statement)
