"""A room made again under the name of a deleted one is another room: tokens of the old one are no good there.

Revision ID: 0027
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0028"
branch_labels = None
depends_on = None

# Rooms there are keep the tokens that were given out, which name none. A letter comes first: Lua takes
# other texts for numbers.
UP = (
    "ALTER TABLE rooms ADD COLUMN generation text NOT NULL DEFAULT ''",
    "ALTER TABLE rooms ALTER COLUMN generation SET DEFAULT "
    "'g' || left(replace(gen_random_uuid()::text, '-', ''), 11)",
)

DOWN = ("ALTER TABLE rooms DROP COLUMN generation",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
