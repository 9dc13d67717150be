"""Seats in addition to counted tickets: which seats exist, and who has each of them.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A batch with seats is written by a function that wraps `insert_holds`: batches without seats cost the same
# as before, and processes of the previous release keep working.
UP = [
    "ALTER TABLE ticket_types ADD COLUMN seated boolean NOT NULL DEFAULT false",
    """
    CREATE TABLE seats (
        event_id         text NOT NULL,
        seat_id          text NOT NULL,
        ticket_type_id   text NOT NULL,
        row_number       int NOT NULL,  -- 1 is the best
        row_name         text NOT NULL,
        number           int NOT NULL,  -- neighbours have neighbouring numbers
        PRIMARY KEY (event_id, seat_id),
        FOREIGN KEY (event_id, ticket_type_id) REFERENCES ticket_types ON DELETE CASCADE
    )
    """,
    # The paired assertion of `allocate.lua` for seats: whatever Redis says, a seat has one holder.
    """
    CREATE TABLE seat_holds (
        event_id         text NOT NULL,
        seat_id          text NOT NULL,
        reservation_id   text NOT NULL REFERENCES reservations,
        CONSTRAINT one_holder_a_seat PRIMARY KEY (event_id, seat_id),
        FOREIGN KEY (event_id, seat_id) REFERENCES seats ON DELETE CASCADE
    )
    """,
    "CREATE INDEX seat_holds_of_reservation ON seat_holds (reservation_id)",
    # `p_seat_terms`, `p_seat_ids`: one seat of one of the terms each; see migration 0002 for the rest.
    """
    CREATE FUNCTION insert_seated_holds(
        p_room_id text, p_epoch bigint, p_event_id text,
        p_ids text[], p_visitors text[], p_fingerprints text[], p_terms int[],
        p_term_numbers int[], p_term_amounts bigint[], p_term_currencies text[],
        p_term_created_ms bigint[], p_term_expires_ms bigint[], p_term_items text[],
        p_line_terms int[], p_line_types text[], p_line_quantities bigint[],
        p_seat_terms int[], p_seat_ids text[],
        OUT fence boolean, OUT inserted text[]
    ) LANGUAGE plpgsql AS $$
    BEGIN
        SELECT done.fence, done.inserted
        INTO insert_seated_holds.fence, insert_seated_holds.inserted
        FROM insert_holds(p_room_id, p_epoch, p_event_id, p_ids, p_visitors, p_fingerprints, p_terms,
                          p_term_numbers, p_term_amounts, p_term_currencies, p_term_created_ms,
                          p_term_expires_ms, p_term_items, p_line_terms, p_line_types,
                          p_line_quantities) AS done;
        INSERT INTO seat_holds (event_id, seat_id, reservation_id)
        SELECT p_event_id, seat_id, reservation_id
        FROM unnest(p_ids, p_terms) AS hold (reservation_id, terms)
             JOIN unnest(p_seat_terms, p_seat_ids) AS seat (terms, seat_id) USING (terms)
        WHERE reservation_id = ANY(insert_seated_holds.inserted)
        ORDER BY seat_id;
    END
    $$
    """,
]

DOWN = [
    "DROP FUNCTION insert_seated_holds",
    "DROP TABLE seat_holds",
    "DROP TABLE seats",
    "ALTER TABLE ticket_types DROP COLUMN seated",
]


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
