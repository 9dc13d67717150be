"""Second factors: app codes, recovery codes, passkeys; and sign-ins that wait for one.

Revision ID: 0076
"""

from __future__ import annotations

from alembic import op

revision = "0076"
down_revision = "0081"
branch_labels = None
depends_on = None

UP = (
    """
CREATE TABLE second_factors (
    account_id       text PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    secret           bytea NOT NULL,  -- encrypted with a key from FAIRGATE_SECRET
    confirmed_at     timestamptz,  -- null: it is being set up, and asked for by nobody
    last_step        bigint NOT NULL DEFAULT 0  -- of the last code that was used: none is good twice
)
""",
    # Keyed hashes; a code is deleted when it is used.
    """
CREATE TABLE recovery_codes (
    account_id       text NOT NULL REFERENCES accounts ON DELETE CASCADE,
    code_hash        bytea NOT NULL,
    PRIMARY KEY (account_id, code_hash)
)
""",
    """
CREATE TABLE passkeys (
    passkey_id       text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    credential_id    bytea NOT NULL UNIQUE,
    account_id       text NOT NULL REFERENCES accounts ON DELETE CASCADE,
    public_key       bytea NOT NULL,
    sign_count       bigint NOT NULL,
    name             text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    last_used_at     timestamptz
)
""",
    "CREATE INDEX passkeys_of_account ON passkeys (account_id)",
    # A browser in the middle of signing in: it gave a password, was sent a challenge, or is at another
    # provider.
    """
CREATE TABLE sign_in_steps (
    step_hash        bytea PRIMARY KEY,
    kind             text NOT NULL,
    account_id       text REFERENCES accounts ON DELETE CASCADE,
    said             jsonb NOT NULL,
    tries            int NOT NULL DEFAULT 0,
    expires_at       timestamptz NOT NULL
)
""",
)

DOWN = (
    "DROP TABLE sign_in_steps",
    "DROP TABLE passkeys",
    "DROP TABLE recovery_codes",
    "DROP TABLE second_factors",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
