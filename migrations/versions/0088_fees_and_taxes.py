"""Booking fees and tax rates: an order keeps those of the moment it was reserved.

Revision ID: 0088
"""

from __future__ import annotations

from alembic import op

revision = "0088"
down_revision = "0082"
branch_labels = None
depends_on = None

# Prices and fees include tax, so selling needs no rate: readers of an order look it up by its time. A process
# of the previous release writes no fee, so its orders have none.
UP = (
    "ALTER TABLE events ADD COLUMN prices_include_tax boolean NOT NULL DEFAULT true",  # as typed by staff
    "ALTER TABLE events ADD COLUMN fee_per_ticket bigint NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN fee_rate_bp int NOT NULL DEFAULT 0",  # hundredths of a percent
    "ALTER TABLE events ADD COLUMN fee_tax_rate_bp int NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN seller text NOT NULL DEFAULT ''",
    "ALTER TABLE events ADD COLUMN taxed boolean NOT NULL DEFAULT false",  # it has or had a tax rate
    "ALTER TABLE ticket_types ADD COLUMN tax_rate_bp int NOT NULL DEFAULT 0",
    # The rates over time; '' is the booking fee. No row: none.
    """
CREATE TABLE tax_rates (
    event_id        text NOT NULL REFERENCES events ON DELETE CASCADE,
    ticket_type_id  text NOT NULL,
    since           timestamptz NOT NULL,
    rate_bp         int NOT NULL CHECK (rate_bp BETWEEN 0 AND 10000),
    PRIMARY KEY (event_id, ticket_type_id, since)
)
""",
    """
CREATE FUNCTION note_tax_rate() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text := '';
    rate int;
BEGIN
    IF TG_TABLE_NAME = 'events' THEN
        rate := NEW.fee_tax_rate_bp;
    ELSE
        name := NEW.ticket_type_id;
        rate := NEW.tax_rate_bp;
    END IF;
    INSERT INTO tax_rates (event_id, ticket_type_id, since, rate_bp)
    VALUES (NEW.event_id, name, CASE TG_OP WHEN 'INSERT' THEN '-infinity' ELSE clock_timestamp() END, rate)
    ON CONFLICT (event_id, ticket_type_id, since) DO UPDATE SET rate_bp = excluded.rate_bp;
    UPDATE events SET taxed = true WHERE event_id = NEW.event_id AND NOT taxed;
    RETURN NULL;
END
$$
""",
    """
CREATE FUNCTION forget_tax_rate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tax_rates WHERE event_id = OLD.event_id AND ticket_type_id = OLD.ticket_type_id;
    RETURN NULL;
END
$$
""",
    "CREATE TRIGGER first_tax_rate AFTER INSERT ON ticket_types FOR EACH ROW "
    "WHEN (NEW.tax_rate_bp > 0) EXECUTE FUNCTION note_tax_rate()",
    "CREATE TRIGGER new_tax_rate AFTER UPDATE OF tax_rate_bp ON ticket_types FOR EACH ROW "
    "WHEN (OLD.tax_rate_bp <> NEW.tax_rate_bp) EXECUTE FUNCTION note_tax_rate()",
    "CREATE TRIGGER no_tax_rate AFTER DELETE ON ticket_types FOR EACH ROW "
    "WHEN (OLD.tax_rate_bp > 0) EXECUTE FUNCTION forget_tax_rate()",
    "CREATE TRIGGER first_tax_rate AFTER INSERT ON events FOR EACH ROW "
    "WHEN (NEW.fee_tax_rate_bp > 0) EXECUTE FUNCTION note_tax_rate()",
    "CREATE TRIGGER new_tax_rate AFTER UPDATE OF fee_tax_rate_bp ON events FOR EACH ROW "
    "WHEN (OLD.fee_tax_rate_bp <> NEW.fee_tax_rate_bp) EXECUTE FUNCTION note_tax_rate()",
    """
CREATE FUNCTION tax_rates_at(p_event_id text, p_at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(ticket_type_id, rate_bp), '{}')
    FROM (SELECT DISTINCT ON (ticket_type_id) ticket_type_id, rate_bp FROM tax_rates
          WHERE event_id = p_event_id AND since <= p_at ORDER BY ticket_type_id, since DESC) AS it
$$
""",
    # On receipts: what they must state, as it was then. NULL: the difference between the lines and the
    # amount.
    "ALTER TABLE receipts ADD COLUMN discount bigint",
    "ALTER TABLE receipts ADD COLUMN fee_tax_rate_bp int NOT NULL DEFAULT 0",
    "ALTER TABLE receipts ADD COLUMN seller text NOT NULL DEFAULT ''",
)
DOWN = (
    "ALTER TABLE receipts DROP COLUMN seller",
    "ALTER TABLE receipts DROP COLUMN fee_tax_rate_bp",
    "ALTER TABLE receipts DROP COLUMN discount",
    "DROP FUNCTION tax_rates_at",
    "DROP TRIGGER new_tax_rate ON events",
    "DROP TRIGGER first_tax_rate ON events",
    "DROP TRIGGER no_tax_rate ON ticket_types",
    "DROP TRIGGER new_tax_rate ON ticket_types",
    "DROP TRIGGER first_tax_rate ON ticket_types",
    "DROP FUNCTION forget_tax_rate",
    "DROP FUNCTION note_tax_rate",
    "DROP TABLE tax_rates",
    "ALTER TABLE ticket_types DROP COLUMN tax_rate_bp",
    "ALTER TABLE events DROP COLUMN taxed",
    "ALTER TABLE events DROP COLUMN seller",
    "ALTER TABLE events DROP COLUMN fee_tax_rate_bp",
    "ALTER TABLE events DROP COLUMN fee_rate_bp",
    "ALTER TABLE events DROP COLUMN fee_per_ticket",
    "ALTER TABLE events DROP COLUMN prices_include_tax",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
