"""Rooms that support KnownUser v3 for a shop, and the enqueue tokens that were used.

Revision ID: 0041
"""

from __future__ import annotations

from alembic import op

revision = "0041"
down_revision = "0032"
branch_labels = None
depends_on = None

UP = (
    "CREATE SEQUENCE knownuser_versions",  # connectors learn which version of the configuration applies
    # `sealed`: the key that shop and room share, encrypted with a key derived from FAIRGATE_SECRET.
    """
CREATE TABLE knownuser_rooms (
    room_id          text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    customer_id      text NOT NULL,
    face             jsonb NOT NULL,
    sealed           bytea NOT NULL,
    version          bigint NOT NULL DEFAULT nextval('knownuser_versions')
)
""",
    "CREATE INDEX knownuser_rooms_of ON knownuser_rooms (customer_id)",
    """
CREATE TABLE enqueue_tokens (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    token_id         text NOT NULL,
    until            timestamptz NOT NULL,  -- it could not be used after this anyway
    PRIMARY KEY (room_id, token_id)
)
""",
    "CREATE INDEX enqueue_tokens_until ON enqueue_tokens (until)",
)

DOWN = ("DROP TABLE enqueue_tokens", "DROP TABLE knownuser_rooms", "DROP SEQUENCE knownuser_versions")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
