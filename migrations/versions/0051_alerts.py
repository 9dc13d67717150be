"""Alerts of the product itself: their history, thresholds, and who gets e-mails about them.

Revision ID: 0051
"""

from __future__ import annotations

from alembic import op

revision = "0051"
down_revision = "0055"
branch_labels = None
depends_on = None

KINDS = (
    "'your_turn','held','confirmed','cancelled','refunded','reminder','confirm_address','message',"
    "'reset_password'"
)
# As in 0055, plus the events of alerts, whose documents are kept as they were at that moment.
VIEW = """
CREATE OR REPLACE VIEW notices AS
SELECT outbox.number, it.ordinal::int,
       CASE outbox.type WHEN 'visitor' THEN 'visitor.' || split_part(it.subject, ' ', 1)
            ELSE outbox.type END AS type,
       CASE outbox.type WHEN 'visitor' THEN to_timestamp(split_part(it.subject, ' ', 4)::bigint / 1000.0)
            ELSE outbox.at END AS at,
       format('ntc_%s_%s_%s', to_hex((extract(epoch FROM outbox.at) * 1000000)::bigint), outbox.number,
              it.ordinal) AS notice_id,
       coalesce(reservations.reservation_id, CASE outbox.type WHEN 'visitor'
           THEN (outbox.data ->> 'room_id') || ' ' || split_part(it.subject, ' ', 2)
           ELSE it.subject END) AS thread,
       CASE split_part(outbox.type, '.', 1)
           WHEN 'room' THEN outbox.data{alert}
           WHEN 'visitor' THEN outbox.data || jsonb_build_object(
               'visitor_id', split_part(it.subject, ' ', 2),
               'queue_number', nullif(split_part(it.subject, ' ', 3)::bigint, 0))
           WHEN 'payment' THEN jsonb_build_object(
               'payment_id', payments.payment_id, 'reservation_id', reservations.reservation_id,
               'event_id', reservations.event_id, 'method', payments.method,
               'amount', payments.amount, 'currency', reservations.currency)
           ELSE jsonb_build_object(
               'reservation_id', reservations.reservation_id, 'event_id', reservations.event_id,
               'visitor_id', reservations.visitor_id, 'status', split_part(outbox.type, '.', 2),
               'items', reservations.items, 'amount', reservations.amount,
               'currency', reservations.currency)
       END AS data,
       coalesce(outbox.traces ->> it.subject, outbox.traces ->> 'traceparent') AS traceparent
FROM outbox
CROSS JOIN LATERAL unnest(outbox.subjects) WITH ORDINALITY AS it (subject, ordinal)
LEFT JOIN payments ON outbox.type LIKE 'payment.%' AND payments.payment_id = it.subject
LEFT JOIN reservations ON reservations.reservation_id = CASE split_part(outbox.type, '.', 1)
    WHEN 'reservation' THEN it.subject WHEN 'payment' THEN payments.reservation_id END
"""

UP = (
    """
CREATE TABLE alerts (
    alert_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule            text NOT NULL,
    room_id         text REFERENCES rooms ON DELETE CASCADE,  -- null: it concerns the whole installation
    subject         text NOT NULL,  -- which worker, store, key; empty where the rule says it all
    severity        text NOT NULL CHECK (severity IN ('page', 'ticket')),
    text            text NOT NULL,  -- with its figures, as last seen
    since           timestamptz NOT NULL,  -- when it began to be wrong
    started_at      timestamptz NOT NULL DEFAULT now(),  -- when it had been so for long enough
    ended_at        timestamptz,
    acknowledged_by text,           -- a subject, as in the audit log
    acknowledged_at timestamptz
)
""",
    "CREATE UNIQUE INDEX alerts_open ON alerts (rule, coalesce(room_id, ''), subject) WHERE ended_at IS NULL",
    "CREATE INDEX alerts_of_room ON alerts (room_id)",  # for the deletion of rooms
    "CREATE INDEX alerts_ended ON alerts (ended_at) WHERE ended_at IS NOT NULL",
    # Changes of a rule by staff, for the installation or for one room. No row: the program's default.
    """
CREATE TABLE alert_rules (
    rule            text NOT NULL,
    room_id         text REFERENCES rooms ON DELETE CASCADE,
    enabled         boolean NOT NULL,
    threshold       bigint          -- null: as the program has it
)
""",
    "CREATE UNIQUE INDEX alert_rules_one ON alert_rules (coalesce(room_id, ''), rule)",
    "CREATE INDEX alert_rules_of_room ON alert_rules (room_id)",
    # Staff who want e-mails about alerts.
    """
CREATE TABLE alert_mailing (
    account_id      text PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    severity        text NOT NULL CHECK (severity IN ('page', 'ticket'))  -- the least that is mailed
)
""",
    # The worker that evaluates the rules, and until when it alone does.
    """
CREATE TABLE alert_watch (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    worker_id       text NOT NULL,
    until           timestamptz NOT NULL
)
""",
    """
CREATE FUNCTION note_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, subjects, data) VALUES (
        CASE WHEN NEW.ended_at IS NULL THEN 'alert.started' ELSE 'alert.ended' END,
        ARRAY['alert ' || NEW.alert_id],
        jsonb_build_object(
            'alert_id', NEW.alert_id::text, 'rule', NEW.rule, 'room_id', NEW.room_id, 'subject', NEW.subject,
            'severity', NEW.severity, 'text', NEW.text, 'since', NEW.since, 'ended_at', NEW.ended_at,
            'acknowledged_at', NEW.acknowledged_at));
    RETURN NULL;
END
$$
""",
    "CREATE TRIGGER note_started_alert AFTER INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION note_alert()",
    """
CREATE TRIGGER note_ended_alert AFTER UPDATE OF ended_at ON alerts FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION note_alert()
""",
    VIEW.format(alert=" WHEN 'alert' THEN outbox.data"),
    # Not validated: it allows more than the previous one, so every existing row satisfies it.
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'alert')) NOT VALID",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'alert'",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check, "
    f"ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS}))",
    "DELETE FROM outbox WHERE type IN ('alert.started', 'alert.ended')",
    VIEW.format(alert=""),
    "DROP TABLE alert_watch",
    "DROP TABLE alert_mailing",
    "DROP TABLE alert_rules",
    "DROP TABLE alerts",
    "DROP FUNCTION note_alert",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
