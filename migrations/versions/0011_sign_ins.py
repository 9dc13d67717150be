"""Where staff are signed in to the console.

Revision ID: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = (
    # One row per browser. Its cookie's secret is not stored, only the hash of it.
    """
CREATE TABLE sign_ins (
    sign_in_id   text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    secret_hash  bytea NOT NULL UNIQUE,
    subject      text NOT NULL,  -- an account_id, or who an access token speaks for
    role         text NOT NULL CHECK (role IN ('operator','admin')),  -- an account's role of today counts
    address      text NOT NULL,
    agent        text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
)
""",
    "CREATE INDEX sign_ins_of_subject ON sign_ins (subject)",
)

DOWN = ("DROP TABLE sign_ins",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
