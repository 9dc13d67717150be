"""Access and discount codes, and ticket types that only a code opens.

Revision ID: 0081
"""

from __future__ import annotations

from alembic import op

revision = "0081"
down_revision = "0058"
branch_labels = None
depends_on = None

# A batch with codes is written by a function that wraps the one for seats: batches without codes cost the
# same as before, and processes of the previous release keep working.
UP = (
    "ALTER TABLE ticket_types ADD COLUMN hidden boolean NOT NULL DEFAULT false",
    "ALTER TABLE reservations ADD COLUMN used_code text",
    "ALTER TABLE reservations ADD COLUMN discount bigint NOT NULL DEFAULT 0",
    """
CREATE TABLE code_sets (
    event_id     text NOT NULL REFERENCES events ON DELETE CASCADE,
    set_id       text NOT NULL,
    name         text NOT NULL,
    uses_max     bigint NOT NULL CHECK (uses_max > 0),  -- of each of its codes
    percent      int NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    off_ticket   bigint NOT NULL DEFAULT 0 CHECK (off_ticket >= 0),
    off_order    bigint NOT NULL DEFAULT 0 CHECK (off_order >= 0),
    ticket_types text[] NOT NULL DEFAULT '{}',  -- none: all of them
    valid_from   timestamptz,
    valid_until  timestamptz,
    active       boolean NOT NULL DEFAULT true,
    wanted       int NOT NULL CHECK (wanted > 0),  -- how many codes are to be in it
    prefix       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, set_id)
)
""",
    # The paired assertion of `allocate.lua` for codes: whatever Redis says, none is used too often.
    """
CREATE TABLE codes (
    event_id     text NOT NULL,
    code         text NOT NULL,
    set_id       text NOT NULL,
    uses_max     bigint NOT NULL,
    used         bigint NOT NULL DEFAULT 0,  -- reservations that live
    active       boolean NOT NULL DEFAULT true,
    PRIMARY KEY (event_id, code),
    FOREIGN KEY (event_id, set_id) REFERENCES code_sets ON DELETE CASCADE,
    CONSTRAINT never_overused CHECK (used BETWEEN 0 AND uses_max)
)
""",
    "CREATE INDEX codes_of_set ON codes (event_id, set_id, code)",
    # `p_code_terms`, `p_codes`, `p_discounts`: the code of one of the terms each; see 0002 and 0003.
    """
CREATE FUNCTION insert_coded_holds(
    p_room_id text, p_epoch bigint, p_event_id text,
    p_ids text[], p_visitors text[], p_fingerprints text[], p_terms int[],
    p_term_numbers int[], p_term_amounts bigint[], p_term_currencies text[],
    p_term_created_ms bigint[], p_term_expires_ms bigint[], p_term_items text[],
    p_line_terms int[], p_line_types text[], p_line_quantities bigint[],
    p_seat_terms int[], p_seat_ids text[],
    p_code_terms int[], p_codes text[], p_discounts bigint[],
    OUT fence boolean, OUT inserted text[]
) LANGUAGE plpgsql AS $$
DECLARE
    there bigint;
BEGIN
    SELECT done.fence, done.inserted
    INTO insert_coded_holds.fence, insert_coded_holds.inserted
    FROM insert_seated_holds(p_room_id, p_epoch, p_event_id, p_ids, p_visitors, p_fingerprints, p_terms,
                             p_term_numbers, p_term_amounts, p_term_currencies, p_term_created_ms,
                             p_term_expires_ms, p_term_items, p_line_terms, p_line_types,
                             p_line_quantities, p_seat_terms, p_seat_ids) AS done;
    UPDATE reservations it SET used_code = coded.code, discount = coded.discount
    FROM unnest(p_ids, p_terms) AS hold (reservation_id, terms)
         JOIN unnest(p_code_terms, p_codes, p_discounts) AS coded (terms, code, discount) USING (terms)
    WHERE it.reservation_id = hold.reservation_id
      AND hold.reservation_id = ANY(insert_coded_holds.inserted);
    WITH uses AS (
        SELECT coded.code, count(*) AS times
        FROM unnest(p_ids, p_terms) AS hold (reservation_id, terms)
             JOIN unnest(p_code_terms, p_codes) AS coded (terms, code) USING (terms)
        WHERE hold.reservation_id = ANY(insert_coded_holds.inserted) GROUP BY 1
    ), counted AS (
        UPDATE codes it SET used = it.used + locked.times
        FROM (SELECT codes.code, uses.times FROM codes JOIN uses USING (code)
              WHERE event_id = p_event_id ORDER BY 1 FOR UPDATE OF codes) AS locked
        WHERE it.event_id = p_event_id AND it.code = locked.code RETURNING 1
    )
    SELECT (SELECT count(*) FROM uses) - (SELECT count(*) FROM counted) INTO there;
    IF there > 0 THEN
        RAISE 'a code is not there' USING ERRCODE = 'foreign_key_violation';
    END IF;
END
$$
""",
)
DOWN = (
    "DROP FUNCTION insert_coded_holds",
    "DROP TABLE codes",
    "DROP TABLE code_sets",
    "ALTER TABLE reservations DROP COLUMN discount",
    "ALTER TABLE reservations DROP COLUMN used_code",
    "ALTER TABLE ticket_types DROP COLUMN hidden",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
