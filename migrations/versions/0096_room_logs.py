"""Public logs of rooms: leaves of a Merkle tree, some of its nodes, and signed heads.

Revision ID: 0096
"""

from __future__ import annotations

from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE signing_keys VALIDATE CONSTRAINT signing_keys_purpose_check",
    """
CREATE TABLE room_logs (
    room_id     text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    generation  text NOT NULL,    -- of the room that its last leaves are about
    secret      bytea NOT NULL,   -- what visitors are called is a hash with this key
    size        bigint NOT NULL,
    peaks       bytea NOT NULL,   -- the hashes of the complete subtrees it consists of
    entry_id    text NOT NULL,    -- of the room's stream in Redis: what is in the log ends here
    noted       bigint NOT NULL,  -- how much had been noted up to there
    revealed    boolean NOT NULL, -- the seed of a lottery
    signed_size bigint NOT NULL,
    signed_at   timestamptz
)
""",
    """
CREATE TABLE room_log_leaves (
    room_id text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    first   bigint NOT NULL,
    count   int NOT NULL,
    leaves  text NOT NULL,    -- a line each
    numbers_from bigint,      -- the least and the highest queue number that was given in them
    numbers_to   bigint,
    PRIMARY KEY (room_id, first)
)
""",
    "CREATE INDEX room_log_leaves_by_number ON room_log_leaves (room_id, numbers_to)",
    # Hashes do not compress.
    "ALTER TABLE room_log_leaves ALTER leaves SET STORAGE EXTERNAL",
    """
CREATE TABLE room_log_nodes (
    room_id text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    level   int NOT NULL,     -- of 2^level leaves; 8, 16, 24, ...
    index   bigint NOT NULL,
    hash    bytea NOT NULL,
    PRIMARY KEY (room_id, level, index)
)
""",
    """
CREATE TABLE room_log_heads (
    room_id   text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    size      bigint NOT NULL,
    at        timestamptz NOT NULL,
    statement text NOT NULL,  -- signed, a JWS
    PRIMARY KEY (room_id, size)
)
""",
)
DOWN = tuple(
    f"DROP TABLE {name}" for name in ("room_log_heads", "room_log_nodes", "room_log_leaves", "room_logs")
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
