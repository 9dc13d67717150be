"""Visitor events: rows of the outbox that hold many, and how far each room has been read.

Revision ID: 0055
"""

from __future__ import annotations

from alembic import op

revision = "0055"
down_revision = "0056"
branch_labels = None
depends_on = None

_NOTICES = """
CREATE OR REPLACE VIEW notices AS
SELECT outbox.number, it.ordinal::int, {type} AS type, {at} AS at,
       format('ntc_%s_%s_%s', to_hex((extract(epoch FROM outbox.at) * 1000000)::bigint), outbox.number,
              it.ordinal) AS notice_id,
       coalesce(reservations.reservation_id, {thread}) AS thread,
       CASE split_part(outbox.type, '.', 1)
           WHEN 'room' THEN outbox.data{visitor}
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
_BEFORE = _NOTICES.format(type="outbox.type", at="outbox.at", thread="it.subject", visitor="")
# A row of type `visitor` holds many events in order, each as a subject WORD VISITOR NUMBER MS.
_WITH_VISITORS = _NOTICES.format(
    type="CASE outbox.type WHEN 'visitor' THEN 'visitor.' || split_part(it.subject, ' ', 1) "
    "ELSE outbox.type END",
    at="CASE outbox.type WHEN 'visitor' THEN to_timestamp(split_part(it.subject, ' ', 4)::bigint / 1000.0) "
    "ELSE outbox.at END",
    thread="CASE outbox.type WHEN 'visitor' "
    "THEN (outbox.data ->> 'room_id') || ' ' || split_part(it.subject, ' ', 2) ELSE it.subject END",
    visitor="""
           WHEN 'visitor' THEN outbox.data || jsonb_build_object(
               'visitor_id', split_part(it.subject, ' ', 2),
               'queue_number', nullif(split_part(it.subject, ' ', 3)::bigint, 0))""",
)
UP = (
    _WITH_VISITORS,
    """
CREATE TABLE visitor_event_ends (
    room_id   text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    entry_id  text NOT NULL,   -- of the room's stream in Redis: what is in the outbox ends here
    dropped   bigint NOT NULL  -- events one too many, as far as they were told of
)
""",
)
DOWN = (
    "DELETE FROM outbox WHERE type = 'visitor'",  # an earlier release cannot read them
    "DROP TABLE visitor_event_ends",
    _BEFORE,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
