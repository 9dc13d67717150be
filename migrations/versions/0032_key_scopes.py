"""API keys may have scopes and a list of events.

Revision ID: 0032
"""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0029"
branch_labels = None
depends_on = None

# NULL: whatever the key's role allows, for every event, as before.
UP = ("ALTER TABLE api_keys ADD scopes text[], ADD events text[]",)

DOWN = ("ALTER TABLE api_keys DROP scopes, DROP events",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
