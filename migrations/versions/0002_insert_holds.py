"""The batch insert of holds as a function: the server keeps its plan, even behind PgBouncer.

Planning the statement took longer than running it, and Fairgate uses no prepared statements.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The fence: a restore first raises the room's epoch and then reads. So a batch is either committed before
# that, and restored, or finds another epoch and writes nothing. Counters follow the rows that were really
# written; ticket types are always locked in the same order, so that no two statements deadlock.
#
# `terms` number the distinct terms of a batch (most holds of a sale share a few): p_ids ... p_terms describe
# one hold each, p_term_... one of the terms each, p_line_... one line of terms each.
UP = """
CREATE FUNCTION insert_holds(
    p_room_id text, p_epoch bigint, p_event_id text,
    p_ids text[], p_visitors text[], p_fingerprints text[], p_terms int[],
    p_term_numbers int[], p_term_amounts bigint[], p_term_currencies text[],
    p_term_created_ms bigint[], p_term_expires_ms bigint[], p_term_items text[],
    p_line_terms int[], p_line_types text[], p_line_quantities bigint[],
    OUT fence boolean, OUT inserted text[]
) LANGUAGE plpgsql AS $$
BEGIN
    WITH fence AS (
        SELECT 1 FROM rooms WHERE room_id = p_room_id AND epoch = p_epoch FOR SHARE
    ), hold AS (
        SELECT * FROM unnest(p_ids, p_visitors, p_fingerprints, p_terms)
                      AS hold (reservation_id, visitor_id, fingerprint, terms)
    ), written AS (
        INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency,
                                  fingerprint, created_at, expires_at)
        SELECT reservation_id, p_event_id, visitor_id, 'held', items::jsonb, amount, currency,
               fingerprint, to_timestamp(created_ms / 1000.0), to_timestamp(expires_ms / 1000.0)
        FROM fence, hold JOIN unnest(p_term_numbers, p_term_amounts, p_term_currencies,
                                     p_term_created_ms, p_term_expires_ms, p_term_items)
                              AS their (terms, amount, currency, created_ms, expires_ms, items) USING (terms)
        ORDER BY reservation_id
        ON CONFLICT (reservation_id) DO NOTHING
        RETURNING reservation_id
    ), sums AS (
        SELECT ticket_type_id, sum(quantity * times)::bigint AS quantity
        FROM unnest(p_line_terms, p_line_types, p_line_quantities)
             AS line (terms, ticket_type_id, quantity)
        JOIN (SELECT terms, count(*) AS times FROM written JOIN hold USING (reservation_id) GROUP BY terms)
             AS counts USING (terms)
        GROUP BY ticket_type_id
    ), counted AS (
        UPDATE ticket_types it SET held = it.held + locked.quantity
        FROM (SELECT ticket_type_id, sums.quantity FROM ticket_types JOIN sums USING (ticket_type_id)
              WHERE event_id = p_event_id ORDER BY 1 FOR UPDATE OF ticket_types) AS locked
        WHERE it.event_id = p_event_id AND it.ticket_type_id = locked.ticket_type_id
    )
    SELECT EXISTS (SELECT FROM fence), ARRAY(SELECT reservation_id FROM written)
    INTO insert_holds.fence, insert_holds.inserted;
END
$$
"""

DOWN = "DROP FUNCTION insert_holds"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
