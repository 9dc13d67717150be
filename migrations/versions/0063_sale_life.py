"""The life of a sale: its rehearsal, and the archive.

Revision ID: 0063
"""

from __future__ import annotations

from alembic import op

revision = "0063"
down_revision = "0077"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE events ADD rehearsal_of text, "  # the sale that this one rehearses; null: a real sale
    "ADD rehearsed_at timestamptz, "  # when tickets were last bought in a rehearsal of it
    "ADD archived_at timestamptz",  # not listed, and read-only
)
DOWN = ("ALTER TABLE events DROP rehearsal_of, DROP rehearsed_at, DROP archived_at",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
