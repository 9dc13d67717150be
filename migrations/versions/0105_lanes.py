"""Lanes of rooms: how far each has been called, so that nobody gets a second turn after Redis is lost.

Revision ID: 0105
"""

from __future__ import annotations

from alembic import op

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE rooms ADD COLUMN lane_serving bigint[] NOT NULL DEFAULT '{}'",
    # As in `core/lanes.py`: a member's id ends in the digit of their lane.
    """
CREATE FUNCTION lane_of(visitor_id text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length(visitor_id) = 23 AND right(visitor_id, 1) COLLATE "C" BETWEEN '1' AND '7'
                THEN ascii(right(visitor_id, 1)) - 48 ELSE 0 END
$$
""",
)
DOWN = ("DROP FUNCTION lane_of(text)", "ALTER TABLE rooms DROP COLUMN lane_serving")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
