"""Jobs started by staff: their progress, what is left to do, and the files that some produce.

Revision ID: 0038
"""

from __future__ import annotations

from alembic import op

revision = "0038"
down_revision = "0041"
branch_labels = None
depends_on = None

KINDS = "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address'"

UP = (
    """
CREATE TABLE jobs (
    job_id     text PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('export_orders','cancel_orders','message_buyers')),
    event_id   text,              -- null: of all events
    request    jsonb NOT NULL,    -- which orders, and what else the kind needs to know
    asked_by   text NOT NULL,     -- subject and role, as in the audit log
    asked_role text NOT NULL,
    state      text NOT NULL DEFAULT 'queued'
               CHECK (state IN ('queued','running','done','failed','stopped')),
    done       bigint NOT NULL DEFAULT 0,
    total      bigint,            -- null: not counted yet
    failed     bigint NOT NULL DEFAULT 0,
    steps      bigint NOT NULL DEFAULT 0,
    breaks     int NOT NULL DEFAULT 0,  -- in a row
    error      text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz
)
""",
    "CREATE INDEX jobs_unfinished ON jobs (changed_at) WHERE state IN ('queued','running')",
    # Jobs that change orders or message people run one at a time per event, however often they are requested.
    "CREATE UNIQUE INDEX jobs_one_at_a_time ON jobs (kind, event_id) "
    "WHERE state IN ('queued','running') AND kind <> 'export_orders'",
    # The orders a job has yet to process, and those it could do nothing for, with the reason. There is no
    # foreign key: a million rows are written in one statement.
    """
CREATE TABLE job_items (
    job_id         text NOT NULL,
    number         bigint NOT NULL,
    reservation_id text NOT NULL,
    tries          int NOT NULL DEFAULT 0,
    why            text NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, number)
)
""",
    "CREATE INDEX job_items_left ON job_items (job_id, tries, number) WHERE why = ''",
    "CREATE INDEX job_items_failed ON job_items (job_id, number) WHERE why <> ''",
    """
CREATE TABLE job_parts (
    job_id  text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number  bigint NOT NULL,
    content bytea NOT NULL,       -- gzip
    PRIMARY KEY (job_id, number)
)
""",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'message'))",
    "CREATE INDEX mails_messages_waiting ON mails (due_at) WHERE kind = 'message' AND state = 'waiting'",
)

DOWN = (
    "DROP INDEX mails_messages_waiting",
    "DELETE FROM mails WHERE kind = 'message'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS}))",
    "DROP TABLE job_parts",
    "DROP TABLE job_items",
    "DROP TABLE jobs",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
