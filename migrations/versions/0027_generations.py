"""A room created again under a deleted room's name is another room: old tokens are not valid there.

Revision ID: 0027
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0028"
branch_labels = None
depends_on = None

# Existing rooms keep the tokens that were issued, which name no generation. It starts with a letter, as Lua
# takes other texts for numbers.
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
