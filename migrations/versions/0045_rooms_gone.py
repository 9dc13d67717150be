"""Rooms are deleted and reset: what Redis still has of them, and the events about it.

Revision ID: 0045
"""

from __future__ import annotations

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

UP = (
    # Written in the transaction that deletes or resets a room, and deleted once Redis has nothing of it: the
    # process may die in between.
    """
CREATE TABLE rooms_gone (
    room_id          text NOT NULL,
    generation       text NOT NULL,
    gone_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, generation)
)
""",
    """
CREATE FUNCTION note_gone_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, subjects, data) VALUES (
        CASE TG_OP WHEN 'DELETE' THEN 'room.deleted' ELSE 'room.reset' END,
        ARRAY[OLD.room_id],
        jsonb_build_object(
            'room_id', OLD.room_id,
            'event_id', (SELECT event_id FROM events WHERE room_id = OLD.room_id),
            'admission_rate_per_minute', (OLD.settings ->> 'admission_rate_per_minute')::bigint));
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER note_deleted_room AFTER DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION note_gone_room()
""",
    """
CREATE TRIGGER note_reset_room AFTER UPDATE OF generation ON rooms FOR EACH ROW
    WHEN (OLD.generation <> NEW.generation) EXECUTE FUNCTION note_gone_room()
""",
)

DOWN = (
    "DROP TRIGGER note_reset_room ON rooms",
    "DROP TRIGGER note_deleted_room ON rooms",
    "DROP FUNCTION note_gone_room",
    "DROP TABLE rooms_gone",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
