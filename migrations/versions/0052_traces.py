"""The outbox stores the trace of the request that made a change, and mails copy it from there.

Revision ID: 0052
"""

from __future__ import annotations

from alembic import op

revision = "0052"
down_revision = "0057"
branch_labels = None
depends_on = None

# A statement of a sampled request ends in a comment: /*traceparent='00-...',SUBJECT='00-...'*/. As column
# defaults, the expressions below apply to every trigger that writes the outbox, and no row is rewritten.
UP = (
    r"""
CREATE FUNCTION traces_of_statement() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN strpos(current_query(), '/*traceparent=''') > 0 THEN (
        SELECT jsonb_object_agg(it[1], it[2])
        FROM regexp_matches(current_query(), '([\w-]+)=''(00-[0-9a-f]{32}-[0-9a-f]{16}-01)''', 'g') AS it)
    END
$$
""",
    "ALTER TABLE outbox ADD traces jsonb",
    "ALTER TABLE outbox ALTER traces SET DEFAULT traces_of_statement()",
    "ALTER TABLE mails ADD traceparent text",
    "ALTER TABLE mails ALTER traceparent SET DEFAULT traces_of_statement() ->> 'traceparent'",
)

NOTICES = """
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
       END AS data{more}
FROM outbox
CROSS JOIN LATERAL unnest(outbox.subjects) WITH ORDINALITY AS it (subject, ordinal)
LEFT JOIN payments ON outbox.type LIKE 'payment.%' AND payments.payment_id = it.subject
LEFT JOIN reservations ON reservations.reservation_id = CASE split_part(outbox.type, '.', 1)
    WHEN 'reservation' THEN it.subject WHEN 'payment' THEN payments.reservation_id END
"""
TRACEPARENT = """,
       coalesce(outbox.traces ->> it.subject, outbox.traces ->> 'traceparent') AS traceparent"""

DOWN = (
    "DROP VIEW notices",
    "CREATE VIEW notices AS" + NOTICES.format(more=""),
    "ALTER TABLE mails DROP traceparent",
    "ALTER TABLE outbox DROP traces",
    "DROP FUNCTION traces_of_statement",
)


def upgrade() -> None:
    for statement in (*UP, "CREATE OR REPLACE VIEW notices AS" + NOTICES.format(more=TRACEPARENT)):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
