"""A worker's queries about rooms cost in proportion to the few active ones, however many rooms exist.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Copies of the times in `settings`, which may be large as themes contain pictures. A trigger maintains them,
# because a generated column allows no cast that depends on a setting, even for texts with an explicit offset.
UP = (
    """
ALTER TABLE rooms
    ADD COLUMN changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),  -- with the version
    ADD COLUMN prequeue_at  timestamptz,
    ADD COLUMN opens_at     timestamptz,
    ADD COLUMN closes_at    timestamptz,
    -- A room that has long been closed is unloaded: not in Redis until it is needed again.
    ADD COLUMN unloaded_at  timestamptz,
    ADD COLUMN counted      bigint[],     -- its counters when it was unloaded last
    ADD COLUMN waiting_unloaded bigint NOT NULL DEFAULT 0  -- how many stood in line then
""",
    """
CREATE FUNCTION keep_room_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    NEW.prequeue_at := NEW.settings ->> 'prequeue_at';
    NEW.opens_at := NEW.settings ->> 'opens_at';
    NEW.closes_at := NEW.settings ->> 'closes_at';
    RETURN NEW;
END $$
""",
    """
CREATE TRIGGER room_times BEFORE INSERT OR UPDATE OF version, settings ON rooms
    FOR EACH ROW EXECUTE FUNCTION keep_room_times()
""",
    "UPDATE rooms SET version = version",
    "CREATE INDEX rooms_public ON rooms (room_id) WHERE (settings ->> 'public')::boolean",
    "CREATE INDEX rooms_changed ON rooms (changed_at)",
    "CREATE INDEX rooms_to_unload ON rooms (closed_at) WHERE state = 'closed' AND unloaded_at IS NULL",
)

DOWN = (
    "DROP TRIGGER room_times ON rooms",
    "DROP FUNCTION keep_room_times",
    "DROP INDEX rooms_to_unload",
    "DROP INDEX rooms_changed",
    "DROP INDEX rooms_public",
    "ALTER TABLE rooms DROP COLUMN changed_at, DROP COLUMN prequeue_at, DROP COLUMN opens_at, "
    "DROP COLUMN closes_at, DROP COLUMN unloaded_at, DROP COLUMN counted, "
    "DROP COLUMN waiting_unloaded",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
