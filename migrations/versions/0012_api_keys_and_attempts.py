"""API keys, the log of requests to webhooks, and visitors by their e-mail.

Revision ID: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UP = (
    # Access tokens of machines. The key itself is shown once and not stored: only its SHA-256, which is safe
    # because the key is long (256 random bits).
    """
CREATE TABLE api_keys (
    key_id           text PRIMARY KEY,
    name             text NOT NULL,
    role             text NOT NULL CHECK (role IN ('operator','admin')),
    digest           bytea NOT NULL UNIQUE,
    made_by          text NOT NULL,  -- the subject of who made it
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz,
    last_used_at     timestamptz,    -- within a minute
    revoked_at       timestamptz
)
""",
    # One row per request to a webhook, for people to look at; deleted by age and by number.
    """
CREATE TABLE webhook_attempts (
    attempt_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id       text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    number           bigint NOT NULL,  -- of the outbox, where it is as long as that is kept
    ordinal          int NOT NULL,
    notice_id        text NOT NULL,
    type             text NOT NULL,
    attempt          int NOT NULL,
    at               timestamptz NOT NULL DEFAULT now(),
    took_ms          int NOT NULL,
    status           int,              -- of the answer; null: there was none
    why              text NOT NULL     -- it was not taken; empty: it was
)
""",
    "CREATE INDEX mailboxes_by_email ON mailboxes (lower(email))",
    "CREATE INDEX webhook_attempts_of ON webhook_attempts (webhook_id, attempt_id)",
)

DOWN = ("DROP INDEX mailboxes_by_email", "DROP TABLE webhook_attempts", "DROP TABLE api_keys")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
