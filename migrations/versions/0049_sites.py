"""Which room a request for a site belongs to, by host, path and method.

Revision ID: 0049
"""

from __future__ import annotations

from alembic import op

revision = "0049"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
CREATE TABLE sites (
    host             text NOT NULL,
    path_prefix      text NOT NULL,
    method           text NOT NULL,  -- empty: any
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    PRIMARY KEY (host, path_prefix, method)
)
""")
    op.execute("CREATE INDEX sites_of ON sites (room_id)")  # for the deletion of rooms


def downgrade() -> None:
    op.execute("DROP TABLE sites")
