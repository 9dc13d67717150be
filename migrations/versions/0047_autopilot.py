"""The autopilot changes rooms, too; and rooms that have one are found without reading all of them.

Revision ID: 0047
"""

from __future__ import annotations

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE audit DROP CONSTRAINT audit_role_check",
    "ALTER TABLE audit ADD CONSTRAINT audit_role_check "
    "CHECK (role IN ('operator','admin','cli','autopilot')) NOT VALID",  # all existing rows fit, maybe many
    """
CREATE INDEX rooms_steered ON rooms (room_id)
    WHERE state = 'open' AND settings -> 'autopilot' ->> 'paused' = 'false'
""",
)
DOWN = (
    "DROP INDEX rooms_steered",
    "ALTER TABLE audit DROP CONSTRAINT audit_role_check",
    "UPDATE audit SET role = 'cli' WHERE role = 'autopilot'",
    "ALTER TABLE audit ADD CONSTRAINT audit_role_check CHECK (role IN ('operator','admin','cli'))",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
