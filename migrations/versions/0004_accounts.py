"""Accounts, and the audit log of changes by staff.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE accounts (
    account_id       text PRIMARY KEY,  -- the subject of its access tokens
    email            text NOT NULL UNIQUE,  -- normalised: one spelling a mailbox
    name             text NOT NULL,
    role             text NOT NULL DEFAULT 'user' CHECK (role IN ('user','operator','admin')),
    password_hash    text NOT NULL,  -- argon2id, its parameters and salt in it
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- Written in the transaction of the change itself, and never again.
CREATE TABLE audit (
    audit_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    subject          text NOT NULL,
    role             text NOT NULL CHECK (role IN ('operator','admin','cli')),
    request_id       text NOT NULL,
    action           text NOT NULL,
    kind             text NOT NULL,
    id               text NOT NULL,
    before           jsonb,  -- the fields that changed; null: it was made
    after            jsonb   -- null: it was deleted
);
CREATE INDEX audit_of_thing ON audit (kind, id, audit_id);
CREATE INDEX audit_of_subject ON audit (subject, audit_id);
CREATE INDEX audit_by_time ON audit (changed_at);
"""

DOWN = """
DROP TABLE audit;
DROP TABLE accounts;
"""


def upgrade() -> None:
    for statement in filter(str.strip, UP.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    for statement in filter(str.strip, DOWN.split(";\n")):
        op.execute(statement)
