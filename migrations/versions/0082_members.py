"""Rooms for members: how proofs of the organiser's login are verified, and who joined with one.

Revision ID: 0082
"""

from __future__ import annotations

from alembic import op

revision = "0082"
down_revision = "0091"
branch_labels = None
depends_on = None

UP = (
    """
CREATE TABLE member_logins (
    room_id      text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    algorithm    text NOT NULL,
    audience     text NOT NULL DEFAULT '',
    sealed       bytea NOT NULL,  -- the key, encrypted with one from FAIRGATE_SECRET
    changed_at   timestamptz NOT NULL DEFAULT now()
)
""",
    # One row per member who joined, so that each has one place: which visitor they are now.
    """
CREATE TABLE members (
    room_id      text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    member_key   bytea NOT NULL,  -- a keyed hash of who they are
    visitor_id   text NOT NULL,
    since        timestamptz NOT NULL DEFAULT now(),  -- in this browser
    PRIMARY KEY (room_id, member_key),
    UNIQUE (room_id, visitor_id)
)
""",
)

DOWN = ("DROP TABLE members", "DROP TABLE member_logins")


def upgrade() -> None:
    """Apply."""
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """Go back."""
    for statement in DOWN:
        op.execute(statement)
