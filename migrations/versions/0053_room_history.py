"""The state of rooms over time, in steps of 10 s and of a minute.

Revision ID: 0053
"""

from __future__ import annotations

from alembic import op

revision = "0053"
down_revision = "0047"
branch_labels = None
depends_on = None

UP = (
    # Rolled up from samples that Redis keeps for a quarter of an hour. No row: nothing was sampled.
    """
CREATE TABLE room_history (
    room_id            text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    step_s             smallint NOT NULL CHECK (step_s IN (10, 60)),
    at                 timestamptz NOT NULL,  -- the end of the step
    samples            int NOT NULL,          -- that it was rolled up from, one a second
    state              text NOT NULL,
    waiting            int NOT NULL,          -- the most in the step, as are called, active, backlog and p99
    called             int NOT NULL,
    active             int NOT NULL,
    outflow_per_minute int NOT NULL,
    rate_per_minute    int NOT NULL,
    cap                int,
    joined             bigint NOT NULL,       -- counters begin with the room, or with the last loss of Redis
    no_shows           bigint NOT NULL,
    admitted           bigint NOT NULL,
    leavers            bigint NOT NULL,       -- who left by themselves
    requests           bigint NOT NULL,
    backlog            int NOT NULL,
    free               int,
    held               int,
    sold               int,
    reserve_p99_ms     int,                   -- of all rooms together
    serving_position   bigint NOT NULL,
    last_number        bigint NOT NULL,
    first_s            double precision,      -- the pace of the waits shown; null: none was
    base_s             double precision,
    each_s             double precision,
    PRIMARY KEY (room_id, step_s, at)
)
""",
    "CREATE INDEX room_history_fine ON room_history (at) WHERE step_s = 10",  # rows deleted after a day
)

DOWN = ("DROP TABLE room_history",)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
