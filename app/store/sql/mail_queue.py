"""SQL that queues e-mails: about events of the outbox, turns, reminders, and messages of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from app.store.connections import Connection

REMIND_MAX = 1_000  # reminders written in one step
PAID_A_DAY = 10  # mails about what was paid for, to one address that has not confirmed

# Runs in the transaction that marks these rows of the outbox as published. Rows published again, after
# Redis was lost, have their e-mails already.
#
# An unconfirmed address only gets what its visitor paid for: nobody pays to annoy somebody else. The rest
# waits until it is confirmed. Mailboxes are locked, so that none is confirmed between SELECT and INSERT.
_OF_NOTICES = f"""
WITH told AS (
    SELECT number, split_part(outbox.type, '.', 2) AS kind, it.subject AS subject_id, mailboxes.room_id,
           mailboxes.visitor_id, reservations.reservation_id, email, guest,
           CASE outbox.type WHEN 'reservation.held' THEN expires_at END AS until, recipient_hash,
           mailboxes.confirmed_at IS NOT NULL AS known,
           reservations.confirmed_at IS NOT NULL AND reservations.amount > 0 AS paid,
           coalesce(outbox.traces ->> it.subject, outbox.traces ->> 'traceparent') AS traceparent
    FROM outbox
    CROSS JOIN LATERAL unnest(outbox.subjects) AS it (subject)
    LEFT JOIN payments ON outbox.type = 'payment.refunded' AND payments.payment_id = it.subject
    JOIN reservations ON reservations.reservation_id = coalesce(payments.reservation_id, it.subject)
    JOIN events USING (event_id)
    JOIN mailboxes ON mailboxes.room_id = events.room_id AND mailboxes.visitor_id = reservations.visitor_id
    WHERE outbox.number = ANY($1) AND NOT outbox.queued
      AND outbox.type IN ('reservation.held', 'reservation.confirmed', 'reservation.cancelled',
                          'payment.refunded')
      AND EXISTS (SELECT FROM mailboxes)  -- looked at first, and in most sales the end of it
    FOR SHARE OF mailboxes
), judged AS (
    SELECT *, known OR paid AND kind <> 'held' AND {PAID_A_DAY} >=
        row_number() OVER (PARTITION BY recipient_hash, known, paid ORDER BY number)
        + (SELECT count(*) FROM mail_traces WHERE mail_traces.kind = 'paid'
           AND recipient = recipient_hash AND at > now() - interval '1 day') AS goes
    FROM told
), written AS (
    INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, until, state,
                       traceparent)
    SELECT kind, subject_id, room_id, visitor_id, reservation_id, email, guest, until,
           CASE WHEN goes THEN 'waiting' ELSE 'unconfirmed' END, traceparent
    FROM judged ORDER BY number
    ON CONFLICT (kind, subject_id) DO NOTHING
    RETURNING kind, subject_id
)
INSERT INTO mail_traces (kind, recipient)
SELECT 'paid', recipient_hash FROM written JOIN judged USING (kind, subject_id) WHERE goes AND NOT known
"""

_OF_TURNS = """
INSERT INTO mails (kind, subject_id, room_id, visitor_id, recipient, guest, until, state)
SELECT 'your_turn', concat_ws(' ', room_id, visitor_id, queue_number), room_id, visitor_id, email, guest,
       to_timestamp(claim_by_ms / 1000.0),
       CASE WHEN confirmed_at IS NULL THEN 'unconfirmed' ELSE 'waiting' END
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
     AS called (room_id, visitor_id, queue_number, claim_by_ms)
JOIN mailboxes USING (room_id, visitor_id)
FOR SHARE OF mailboxes
ON CONFLICT (kind, subject_id) DO NOTHING
"""

# Who bought less than a day before has just read when it starts. Those who were reminded of an
# event that was moved then are reminded again, before the new time.
_REMINDER_OF = "concat_ws(' ', reservations.reservation_id, extract(epoch FROM starts_at)::bigint)"
_OF_REMINDERS = f"""
INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, until, state)
SELECT 'reminder', {_REMINDER_OF}, room_id, visitor_id, reservation_id, email, guest, starts_at,
       CASE WHEN mailboxes.confirmed_at IS NULL AND amount = 0 THEN 'unconfirmed' ELSE 'waiting' END
FROM events JOIN reservations USING (event_id) JOIN mailboxes USING (room_id, visitor_id)
WHERE starts_at > now() AND starts_at <= now() + interval '24 hours'
  AND reservations.status = 'confirmed' AND reservations.confirmed_at <= starts_at - interval '24 hours'
  AND NOT EXISTS (SELECT FROM mails WHERE kind = 'reminder' AND until = starts_at
                  AND subject_id IN (reservations.reservation_id, {_REMINDER_OF}))
LIMIT {REMIND_MAX}
FOR SHARE OF mailboxes
ON CONFLICT (kind, subject_id) DO NOTHING
"""


# To staff who asked for it and still are staff: once when an alert starts, and when it ends to those who were
# told. An account's address need not be confirmed: an admin has made it one of staff's.
_OF_ALERTS = """
INSERT INTO mails (kind, subject_id, room_id, recipient, guest, until, locale)
SELECT 'alert', concat_ws(' ', alert_id, it.word, accounts.account_id), alerts.room_id,
       accounts.email, false,
       now() + interval '1 hour', 'en'
FROM outbox
CROSS JOIN LATERAL (SELECT split_part(outbox.type, '.', 2), (outbox.data ->> 'alert_id')::bigint)
    AS it (word, alert_id)
JOIN alerts USING (alert_id)
JOIN alert_mailing ON alert_mailing.severity >= alerts.severity  -- page comes before ticket
JOIN accounts USING (account_id)
WHERE outbox.number = ANY($1) AND NOT outbox.queued AND outbox.type IN ('alert.started', 'alert.ended')
  AND accounts.role IN ('operator', 'admin')
  AND (it.word = 'started' OR EXISTS (
      SELECT FROM mails WHERE kind = 'alert'
      AND subject_id = concat_ws(' ', alert_id, 'started', accounts.account_id)))
ON CONFLICT (kind, subject_id) DO NOTHING
"""


class Called(NamedTuple):
    """A visitor whose turn it is, until then (ms)."""

    room_id: str
    visitor_id: str
    queue_number: int  # names the turn: joining again gives another number
    claim_by_ms: int


async def queue_of_notices(connection: Connection, numbers: Sequence[int]) -> None:
    """Queue e-mails about these rows of the outbox, to visitors who left an address."""
    await connection.execute(_OF_NOTICES, numbers)


async def queue_of_alerts(connection: Connection, numbers: Sequence[int]) -> None:
    """Queue e-mails about alerts among these rows of the outbox, to staff who asked for them."""
    await connection.execute(_OF_ALERTS, numbers)


async def queue_of_turns(postgres: asyncpg.Pool, called: Sequence[Called]) -> None:
    """Queue an e-mail to each of these who left an address that it is their turn; once per turn."""
    await postgres.execute(_OF_TURNS, *(list(column) for column in zip(*called, strict=True)))


async def queue_of_reminders(postgres: asyncpg.Pool) -> bool:
    """Queue reminders to holders of tickets for the next 24 hours, once each; True if there may be more."""
    return await postgres.execute(_OF_REMINDERS, timeout=60) == f"INSERT 0 {REMIND_MAX}"


async def queue_of_message(connection: Connection, job_id: str, reservation_ids: Sequence[str]) -> None:
    """Queue a job's message to the buyers of these, once each."""
    await connection.execute(
        """
        INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, state)
        SELECT 'message', concat_ws(' ', $1::text, reservation_id), room_id, visitor_id, reservation_id,
               email, guest,
               CASE WHEN mailboxes.confirmed_at IS NULL AND amount = 0 THEN 'unconfirmed' ELSE 'waiting' END
        FROM reservations JOIN events USING (event_id) JOIN mailboxes USING (room_id, visitor_id)
        WHERE reservation_id = ANY($2)
        FOR SHARE OF mailboxes
        ON CONFLICT (kind, subject_id) DO NOTHING
        """,
        *(job_id, reservation_ids),
    )


async def messages_waiting(connection: Connection, at_most: int) -> int:
    """How many messages of jobs are still to be sent, counted up to `at_most`."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM "
        "(SELECT FROM mails WHERE kind = 'message' AND state = 'waiting' LIMIT $1) AS waiting",
        at_most,
    )
    return count
