"""Who was let in: one row a ticket, and the scans that were taken back.

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
    # The first scan of each ticket, by the time it was made. One that was cancelled is not here any more.
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
    # So that one that comes again, from a device that heard no answer, checks nobody in.
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
