"""Staff are invited and can be deactivated; the last sign-in of each account; rights in single sales.

Revision ID: 0075
"""

from __future__ import annotations

from alembic import op

revision = "0075"
down_revision = "0067"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password','alert'"
)
ROLES = "'operator','admin','cli','autopilot'"

UP = (
    "ALTER TABLE accounts ADD deactivated_at timestamptz, ADD last_sign_in_at timestamptz, "
    "ADD last_sign_in_from text NOT NULL DEFAULT ''",
    # When and from where the account was previously signed in to, shown at sign-in.
    "ALTER TABLE sign_ins ADD before_at timestamptz, ADD before_from text NOT NULL DEFAULT ''",
    # An account without a staff role may have rights in single sales.
    "ALTER TABLE sign_ins DROP CONSTRAINT sign_ins_role_check, "
    "ADD CONSTRAINT sign_ins_role_check CHECK (role IN ('user','operator','admin')) NOT VALID",
    "ALTER TABLE audit DROP CONSTRAINT audit_role_check, "
    f"ADD CONSTRAINT audit_role_check CHECK (role IN ({ROLES},'user')) NOT VALID",
    # As with new passwords, the link is derived from the id and FAIRGATE_SECRET; this is its hash.
    """
CREATE TABLE invitations (
    token_hash       bytea PRIMARY KEY,
    invitation_id    text NOT NULL UNIQUE,
    email            text NOT NULL,  -- normalised
    name             text NOT NULL,
    role             text NOT NULL,  -- of the installation; user: none
    event_id         text REFERENCES events ON DELETE CASCADE,
    sale_role        text,  -- in the sale of this event
    invited_by       text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    CHECK ((event_id IS NULL) = (sale_role IS NULL))
)
""",
    "CREATE INDEX invitations_of_email ON invitations (email)",
    "CREATE INDEX invitations_of_event ON invitations (event_id)",
    # What an account may do in one sale: `core/accounts/rights.py`.
    """
CREATE TABLE sale_grants (
    account_id       text NOT NULL REFERENCES accounts ON DELETE CASCADE,
    event_id         text NOT NULL REFERENCES events ON DELETE CASCADE,
    sale_role        text NOT NULL CHECK (sale_role IN ('owner','operator','door','finance','viewer')),
    granted_by       text NOT NULL,
    granted_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, event_id)
)
""",
    "CREATE INDEX sale_grants_of_event ON sale_grants (event_id)",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'invite')) NOT VALID",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'invite'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS})) NOT VALID",
    "DROP TABLE sale_grants",
    "DROP TABLE invitations",
    "DELETE FROM audit WHERE role = 'user'",
    "ALTER TABLE audit DROP CONSTRAINT audit_role_check, "
    f"ADD CONSTRAINT audit_role_check CHECK (role IN ({ROLES})) NOT VALID",
    "DELETE FROM sign_ins WHERE role NOT IN ('operator','admin')",
    "ALTER TABLE sign_ins DROP before_at, DROP before_from, DROP CONSTRAINT sign_ins_role_check, "
    "ADD CONSTRAINT sign_ins_role_check CHECK (role IN ('operator','admin'))",
    "ALTER TABLE accounts DROP deactivated_at, DROP last_sign_in_at, DROP last_sign_in_from",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
