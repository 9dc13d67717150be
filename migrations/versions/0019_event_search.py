"""The text by which events are searched, in one spelling.

Revision ID: 0019
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0015"
branch_labels = None
depends_on = None

UP = (
    # Written by the program (`typed.folded`), because the letters that lower() knows depend on the server.
    "ALTER TABLE events ADD search text NOT NULL DEFAULT ''",
    "UPDATE events SET search = lower(normalize(concat_ws(' ', name, artist, venue)))",
)

DOWN = ("ALTER TABLE events DROP search",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
