"""Buyers: what a sale asks them, their answers, who holds each ticket, and codes that are void.

Revision ID: 0058
"""

from __future__ import annotations

from alembic import op

revision = "0058"
down_revision = "0075"
branch_labels = None
depends_on = None

UP = (
    # What the hold page asks: `core/reservations/buyers.py`. An empty form is the default one.
    "ALTER TABLE events ADD COLUMN buyer_form jsonb NOT NULL DEFAULT '{}'",
    # One row per reservation; personal data, only here and in `mails`. The reservation outlives it.
    """
CREATE TABLE buyers (
    reservation_id   text PRIMARY KEY REFERENCES reservations ON DELETE CASCADE,
    email            text NOT NULL DEFAULT '',
    name             text NOT NULL DEFAULT '',
    phone            text NOT NULL DEFAULT '',
    answers          jsonb NOT NULL DEFAULT '{}',  -- to the sale's own questions, by the ids of those
    marketing        boolean NOT NULL DEFAULT false,
    terms_at         timestamptz,  -- when the terms were accepted
    locale           text NOT NULL DEFAULT '',
    recipient_hash   bytea,  -- the address in mail_traces
    created_at       timestamptz NOT NULL DEFAULT now(),
    changed_at       timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX buyers_by_email ON buyers (lower(email)) WHERE email <> ''",
    # A row is a valid ticket, and `code` its only code. The holder, if not the buyer.
    """
ALTER TABLE tickets ADD COLUMN holder_email text NOT NULL DEFAULT '',
    ADD COLUMN holder_name text NOT NULL DEFAULT '', ADD COLUMN transferred_at timestamptz
""",
    # Every code that was valid once and no longer is, so that the door can explain why.
    """
CREATE TABLE void_codes (
    code             text PRIMARY KEY,
    ticket_id        text NOT NULL,
    reservation_id   text NOT NULL REFERENCES reservations ON DELETE CASCADE,
    ticket_type_id   text NOT NULL,
    seat_id          text,
    why              text NOT NULL CHECK (why IN ('transferred','cancelled')),
    voided_at        timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX void_codes_of_reservation ON void_codes (reservation_id)",
    """
CREATE FUNCTION void_deleted_tickets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO void_codes (code, ticket_id, reservation_id, ticket_type_id, seat_id, why)
    SELECT code, ticket_id, reservation_id, ticket_type_id, seat_id, 'cancelled'
    FROM gone JOIN reservations USING (reservation_id)  -- those may go with them
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
""",
    """
CREATE FUNCTION void_replaced_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO void_codes (code, ticket_id, reservation_id, ticket_type_id, seat_id, why)
    VALUES (OLD.code, OLD.ticket_id, OLD.reservation_id, OLD.ticket_type_id, OLD.seat_id, 'transferred')
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER void_deleted AFTER DELETE ON tickets REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION void_deleted_tickets()
""",
    """
CREATE TRIGGER void_replaced AFTER UPDATE OF code ON tickets FOR EACH ROW
    WHEN (OLD.code <> NEW.code) EXECUTE FUNCTION void_replaced_code()
""",
)

DOWN = (
    "DROP TRIGGER void_replaced ON tickets",
    "DROP TRIGGER void_deleted ON tickets",
    "DROP FUNCTION void_replaced_code",
    "DROP FUNCTION void_deleted_tickets",
    "DROP TABLE void_codes",
    "ALTER TABLE tickets DROP COLUMN holder_email, DROP COLUMN holder_name, DROP COLUMN transferred_at",
    "DROP TABLE buyers",
    "ALTER TABLE events DROP COLUMN buyer_form",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
