"""A place that was taken over with a code is known as its new visitor's while its token lives.

Revision ID: 0044
"""

from __future__ import annotations

from alembic import op

revision = "0044"
down_revision = "0050"
branch_labels = None
depends_on = None

# A visitor's later places have higher numbers, except for one they were given: its number may be below that
# of an earlier place of theirs that ended.
UP = (
    """
CREATE TABLE carried_places (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,    -- who has it now
    queue_number     bigint NOT NULL,
    ended            bool NOT NULL DEFAULT false,  -- of places that were claimed `sessions` tells it
    PRIMARY KEY (room_id, visitor_id, queue_number)
)
""",
)

DOWN = ("DROP TABLE carried_places",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
