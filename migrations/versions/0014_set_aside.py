"""What could not be processed is set aside with the reason, and the rest goes on.

Revision ID: 0014
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0018"
branch_labels = None
depends_on = None

UP = (
    # For people to look at; no code depends on it. Deleted by age and by number.
    """
CREATE TABLE set_aside (
    set_aside_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             text NOT NULL,  -- of work: reservation, ...
    subject          text NOT NULL,  -- the id of what was to be worked on
    room_id          text,
    content          text NOT NULL,  -- as it was found, without anybody's address
    reason           text NOT NULL,  -- what went wrong
    set_aside_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, subject)
)
""",
    "CREATE INDEX set_aside_by_age ON set_aside (set_aside_at)",
)

DOWN = ("DROP TABLE set_aside",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
