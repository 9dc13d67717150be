"""How a place ended stays known while its token lives: nobody gets a second turn after Redis is lost.

Revision ID: 0026
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0024"
branch_labels = None
depends_on = None

# Ended sessions are rows of `sessions`, removed visitors of `removed_visitors`; this has all others.
UP = (
    """
CREATE TABLE ended_places (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,
    queue_number     bigint NOT NULL,  -- of the visitor's places that ended the latest
    ended_as         text NOT NULL CHECK (ended_as IN ('no_show', 'left', 'expired', 'done')),
    PRIMARY KEY (room_id, visitor_id)
)
""",
)

DOWN = ("DROP TABLE ended_places",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
