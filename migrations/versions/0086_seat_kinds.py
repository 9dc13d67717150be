"""Accessible seats with companion seats next to them; labels of seats.

Revision ID: 0086
"""

from __future__ import annotations

from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None

UP = [
    "ALTER TABLE seats ADD COLUMN kind text",  # a: accessible, c: companion; NULL: neither
    "ALTER TABLE seats ADD COLUMN label text",  # at the end of the seat_id; NULL: the number
]
DOWN = ["ALTER TABLE seats DROP COLUMN label", "ALTER TABLE seats DROP COLUMN kind"]


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
