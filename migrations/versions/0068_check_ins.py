"""Check-ins: one row per ticket, and the scans that were undone.

Revision ID: 0068
"""

from __future__ import annotations

from alembic import op

revision = "0068"
down_revision = "0063"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE jobs VALIDATE CONSTRAINT jobs_kind_check",
    # The first scan of each ticket, by the time it was made. Undone scans are deleted.
    """
CREATE TABLE check_ins (
    ticket_id        text PRIMARY KEY REFERENCES tickets ON DELETE CASCADE,
    event_id         text NOT NULL,
    ticket_type_id   text NOT NULL,
    scan_id          text NOT NULL,         -- drawn by the device: sent twice, it is one scan
    scanned_at       timestamptz NOT NULL,  -- by the device, which may have been offline
    recorded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    subject          text NOT NULL,
    device           text NOT NULL
)
""",
    "CREATE INDEX check_ins_of_event ON check_ins (event_id, recorded_at)",
    "CREATE INDEX check_ins_by_scan ON check_ins (scan_id)",
    # So that a repeated scan, from a device that got no response, does not check anybody in.
    """
CREATE TABLE undone_scans (
    scan_id          text PRIMARY KEY,
    event_id         text NOT NULL,
    ticket_id        text NOT NULL,
    undone_at        timestamptz NOT NULL DEFAULT clock_timestamp()
)
""",
    "CREATE INDEX undone_scans_of_event ON undone_scans (event_id, undone_at)",
)
DOWN = (
    "DROP TABLE undone_scans",
    "DROP TABLE check_ins",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
