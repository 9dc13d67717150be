"""Signing keys of the public logs of rooms.

Revision ID: 0095
"""

from __future__ import annotations

from alembic import op

revision = "0095"
down_revision = "0083"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_purpose_check",
    "ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_purpose_check "
    "CHECK (purpose IN ('booking','access','pass','log','any')) NOT VALID",
)
DOWN = (
    "DELETE FROM signing_keys WHERE purpose = 'log'",
    "ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_purpose_check",
    "ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_purpose_check "
    "CHECK (purpose IN ('booking','access','pass','any')) NOT VALID",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
