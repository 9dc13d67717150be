"""The outbox: every event for other systems, written by the statement that makes the change; webhooks.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Triggers write the outbox, so no statement can forget it. They run once per statement and record all rows
# that changed alike as one row of ids: a batch of holds costs one more insert, whatever its size.
#
# Order: a change of a reservation holds its lock until it commits, and its number is drawn after it has the
# lock. So the later of two changes of one reservation has the higher number, and anyone who sees it sees
# both.
UP = (
    """
CREATE TABLE outbox (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type         text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    subjects     text[] NOT NULL,  -- reservation ids, payment ids or a room id
    data         jsonb,            -- of a room, as it was; the others do not change what is told of them
    queued       boolean NOT NULL DEFAULT false,  -- there are deliveries for the webhooks
    streamed_at  timestamptz                      -- it is in the Redis stream
)
""",
    "ALTER TABLE outbox ALTER subjects SET STORAGE EXTERNAL",  # random ids do not compress
    "CREATE INDEX outbox_waiting ON outbox (number) WHERE streamed_at IS NULL",
    "CREATE INDEX outbox_streamed ON outbox (streamed_at) WHERE streamed_at IS NOT NULL",
    # The last entry of the Redis stream committed here: a stream that has less has lost its end.
    "CREATE TABLE stream_end (one boolean PRIMARY KEY DEFAULT true CHECK (one), entry_id text NOT NULL)",
    """
CREATE TABLE webhooks (
    webhook_id      text PRIMARY KEY,
    url             text NOT NULL,
    types           text[] NOT NULL,  -- empty: all
    description     text NOT NULL,
    secret          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    given_up        int NOT NULL DEFAULT 0,  -- deliveries in a row
    failure         text NOT NULL DEFAULT '',  -- the last one
    failed_at       timestamptz,
    disabled_at     timestamptz
)
""",
    # Deliveries that are pending or were given up. A delivery that succeeds is deleted.
    """
CREATE TABLE deliveries (
    webhook_id      text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    number          bigint NOT NULL REFERENCES outbox ON DELETE CASCADE,
    ordinal         int NOT NULL,
    thread          text NOT NULL,  -- the reservation or room it tells of: one after the other
    attempts        int NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    given_up_at     timestamptz,
    PRIMARY KEY (webhook_id, number, ordinal)
)
""",
    "CREATE INDEX deliveries_due ON deliveries (webhook_id, due_at) WHERE given_up_at IS NULL",
    "CREATE INDEX deliveries_of_thread ON deliveries (thread, number, ordinal) WHERE given_up_at IS NULL",
    "CREATE INDEX deliveries_of_number ON deliveries (number)",
    "ALTER TABLE rooms ADD sold_out boolean NOT NULL DEFAULT false, ADD seen_ms bigint NOT NULL DEFAULT 0",
    """
CREATE FUNCTION note_holds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, subjects)
    SELECT 'reservation.held', array_agg(reservation_id) FROM made WHERE status = 'held' HAVING count(*) > 0;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER note_holds AFTER INSERT ON reservations
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION note_holds()
""",
    """
CREATE FUNCTION note_reservations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, subjects)
    SELECT 'reservation.' || is_now.status, array_agg(reservation_id)
    FROM is_now JOIN was USING (reservation_id)
    WHERE is_now.status <> was.status AND is_now.status IN ('confirmed', 'cancelled', 'expired')
    GROUP BY is_now.status;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER note_reservations AFTER UPDATE ON reservations
    REFERENCING OLD TABLE AS was NEW TABLE AS is_now
    FOR EACH STATEMENT EXECUTE FUNCTION note_reservations()
""",
    """
CREATE FUNCTION note_payments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, subjects)
    SELECT 'payment.' || is_now.status, array_agg(payment_id)
    FROM is_now JOIN was USING (payment_id)
    WHERE is_now.status <> was.status AND is_now.status IN ('succeeded', 'declined', 'failed', 'refunded')
    GROUP BY is_now.status;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER note_payments AFTER UPDATE ON payments
    REFERENCING OLD TABLE AS was NEW TABLE AS is_now
    FOR EACH STATEMENT EXECUTE FUNCTION note_payments()
""",
    """
CREATE FUNCTION note_room() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rate_was bigint := OLD.settings ->> 'admission_rate_per_minute';
    rate_now bigint := NEW.settings ->> 'admission_rate_per_minute';
    told jsonb := jsonb_build_object(
        'room_id', NEW.room_id,
        'event_id', (SELECT event_id FROM events WHERE room_id = NEW.room_id),
        'admission_rate_per_minute', rate_now);
BEGIN
    IF NEW.state <> OLD.state AND NEW.state IN ('open', 'paused', 'closed') THEN
        INSERT INTO outbox (type, subjects, data) VALUES (
            CASE WHEN NEW.state = 'open' AND OLD.state = 'paused' THEN 'room.resumed'
                 WHEN NEW.state = 'open' THEN 'room.opened' ELSE 'room.' || NEW.state END,
            ARRAY[NEW.room_id], told);
    END IF;
    IF NEW.sold_out AND NOT OLD.sold_out THEN
        INSERT INTO outbox (type, subjects, data) VALUES ('room.sold_out', ARRAY[NEW.room_id], told);
    END IF;
    IF rate_now IS DISTINCT FROM rate_was THEN
        INSERT INTO outbox (type, subjects, data) VALUES (
            'room.rate_changed', ARRAY[NEW.room_id],
            told || jsonb_build_object('admission_rate_per_minute_before', rate_was));
    END IF;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER note_room AFTER UPDATE ON rooms FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.sold_out <> NEW.sold_out OR OLD.settings <> NEW.settings)
    EXECUTE FUNCTION note_room()
""",
    # The rows of the outbox one by one, as they are relayed. Events of one `thread` stay in order.
    """
CREATE VIEW notices AS
SELECT outbox.number, it.ordinal::int, outbox.type, outbox.at,
       format('ntc_%s_%s_%s', to_hex((extract(epoch FROM outbox.at) * 1000000)::bigint), outbox.number,
              it.ordinal) AS notice_id,
       coalesce(reservations.reservation_id, it.subject) AS thread,
       CASE split_part(outbox.type, '.', 1)
           WHEN 'room' THEN outbox.data
           WHEN 'payment' THEN jsonb_build_object(
               'payment_id', payments.payment_id, 'reservation_id', reservations.reservation_id,
               'event_id', reservations.event_id, 'method', payments.method,
               'amount', payments.amount, 'currency', reservations.currency)
           ELSE jsonb_build_object(
               'reservation_id', reservations.reservation_id, 'event_id', reservations.event_id,
               'visitor_id', reservations.visitor_id, 'status', split_part(outbox.type, '.', 2),
               'items', reservations.items, 'amount', reservations.amount,
               'currency', reservations.currency)
       END AS data
FROM outbox
CROSS JOIN LATERAL unnest(outbox.subjects) WITH ORDINALITY AS it (subject, ordinal)
LEFT JOIN payments ON outbox.type LIKE 'payment.%' AND payments.payment_id = it.subject
LEFT JOIN reservations ON reservations.reservation_id = CASE split_part(outbox.type, '.', 1)
    WHEN 'reservation' THEN it.subject WHEN 'payment' THEN payments.reservation_id END
""",
    # Messages from the gateway that were processed: a second copy does nothing.
    """
CREATE TABLE gateway_messages (
    message_id      text PRIMARY KEY,
    received_at     timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX gateway_messages_age ON gateway_messages (received_at)",
)

DOWN = (
    "DROP TABLE gateway_messages",
    "DROP VIEW notices",
    "DROP TRIGGER note_room ON rooms",
    "DROP FUNCTION note_room",
    "DROP TRIGGER note_payments ON payments",
    "DROP FUNCTION note_payments",
    "DROP TRIGGER note_reservations ON reservations",
    "DROP FUNCTION note_reservations",
    "DROP TRIGGER note_holds ON reservations",
    "DROP FUNCTION note_holds",
    "ALTER TABLE rooms DROP sold_out, DROP seen_ms",
    "DROP TABLE deliveries",
    "DROP TABLE webhooks",
    "DROP TABLE stream_end",
    "DROP TABLE outbox",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
