"""The time zone in which a member of staff reads times in the console.

Revision ID: 0056
"""

from __future__ import annotations

from alembic import op

revision = "0056"
down_revision = "0052"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE accounts ADD timezone text NOT NULL DEFAULT ''",  # IANA; empty: the browser's
    "ALTER TABLE sign_ins ADD timezone text NOT NULL DEFAULT ''",  # the browser's; empty: unknown
)
DOWN = (
    "ALTER TABLE accounts DROP timezone",
    "ALTER TABLE sign_ins DROP timezone",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
