"""The time zone of an event, and whether it is sold after its start.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = (
    # An IANA name. Pages, tickets, mails and calendar files give the event's times in this zone.
    "ALTER TABLE events ADD timezone text NOT NULL DEFAULT 'UTC', "
    # A sale ends when its event begins, unless staff decide otherwise (a museum, a three-day festival).
    "ADD sell_after_start boolean NOT NULL DEFAULT false",
)

DOWN = ("ALTER TABLE events DROP timezone, DROP sell_after_start",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
