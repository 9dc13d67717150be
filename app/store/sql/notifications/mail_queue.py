"""SQL that queues e-mails: about events of the outbox, turns, reminders, and messages of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from app.core.reservations.guests import PREFIX
from app.store.connections import Connection

REMIND_MAX = 1_000  # reminders queued per step
PAID_A_DAY = 10  # e-mails about paid orders, to one unconfirmed address
FREE_A_DAY = 3  # the same for free orders: as many as confirmations that anybody could request

# Where a reservation's e-mails go: to its buyer, else to the address that its visitor left in the queue.
# `known`: it is confirmed. Mailboxes are locked, so that none is confirmed between SELECT and INSERT.
REACHED = """
LEFT JOIN buyers ON buyers.reservation_id = reservations.reservation_id AND buyers.email <> ''
LEFT JOIN LATERAL (
    SELECT email, guest, recipient_hash, confirmed_at FROM mailboxes
    WHERE mailboxes.room_id = events.room_id AND mailboxes.visitor_id = reservations.visitor_id FOR SHARE
) AS mailbox ON true
CROSS JOIN LATERAL (
    SELECT coalesce(buyers.email, mailbox.email) AS email, coalesce(mailbox.guest, true) AS guest,
           coalesce(buyers.recipient_hash, mailbox.recipient_hash) AS recipient_hash,
           buyers.email IS NOT NULL AS named,
           mailbox.confirmed_at IS NOT NULL AND (buyers.email IS NULL
               OR lower(buyers.email) = lower(mailbox.email)) AS known
) AS reached
"""

# Runs in the transaction that marks these rows of the outbox as published. Rows published again, after
# Redis was lost, have their e-mails already.
#
# An unconfirmed address only gets e-mails about paid orders: nobody pays to annoy somebody else. The rest
# waits until it is confirmed. E-mails about free tickets go to the address given with them, too, but only a
# few, unless staff gave the tickets to a guest.
_OF_NOTICES = f"""
WITH told AS (
    SELECT number, split_part(outbox.type, '.', 2) AS kind, it.subject AS subject_id, events.room_id,
           reservations.visitor_id, reservations.reservation_id, reached.email, reached.guest,
           CASE outbox.type WHEN 'reservation.held' THEN expires_at END AS until, reached.recipient_hash,
           reached.known,
           CASE WHEN reservations.confirmed_at IS NULL THEN 0 WHEN reservations.amount > 0
                     OR starts_with(reservations.visitor_id, '{PREFIX}') THEN {PAID_A_DAY}
                WHEN reached.named THEN {FREE_A_DAY} ELSE 0 END AS a_day,
           coalesce(outbox.traces ->> it.subject, outbox.traces ->> 'traceparent') AS traceparent
    FROM outbox
    CROSS JOIN LATERAL unnest(outbox.subjects) AS it (subject)
    LEFT JOIN payments ON outbox.type = 'payment.refunded' AND payments.payment_id = it.subject
    JOIN reservations ON reservations.reservation_id = coalesce(payments.reservation_id, it.subject)
    JOIN events USING (event_id)
    {REACHED}
    WHERE outbox.number = ANY($1) AND NOT outbox.queued
      AND outbox.type IN ('reservation.held', 'reservation.confirmed', 'reservation.cancelled',
                          'payment.refunded')
      AND reached.email IS NOT NULL
      -- looked at first, and in most sales the end of it
      AND (EXISTS (SELECT FROM mailboxes) OR EXISTS (SELECT FROM buyers))
), judged AS (
    SELECT *, known OR a_day > 0 AND kind <> 'held' AND a_day >=
        row_number() OVER (PARTITION BY recipient_hash, known, a_day ORDER BY number)
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

# Whoever bought less than a day before has just read when it starts. After a move, people reminded of the old
# date are reminded again, before the new one.
_REMINDER_OF = "concat_ws(' ', reservations.reservation_id, extract(epoch FROM starts_at)::bigint)"
# E-mails about paid orders always go; a free ticket's e-mail went to its buyer's address before.
_STATE = "CASE WHEN reached.known OR reached.named OR amount > 0 THEN 'waiting' ELSE 'unconfirmed' END"
_OF_REMINDERS = f"""
INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, until, state)
SELECT 'reminder', {_REMINDER_OF}, events.room_id, reservations.visitor_id, reservations.reservation_id,
       reached.email, reached.guest, starts_at, {_STATE}
FROM events JOIN reservations USING (event_id)
{REACHED}
WHERE reached.email IS NOT NULL AND starts_at > now() AND starts_at <= now() + interval '24 hours'
  AND reservations.status = 'confirmed' AND reservations.confirmed_at <= starts_at - interval '24 hours'
  AND NOT EXISTS (SELECT FROM mails WHERE kind = 'reminder' AND until = starts_at
                  AND subject_id IN (reservations.reservation_id, {_REMINDER_OF}))
LIMIT {REMIND_MAX}
ON CONFLICT (kind, subject_id) DO NOTHING
"""


# To staff who asked for it and are still staff: once when an alert starts, and when it ends to those who were
# notified. An account's address need not be confirmed: an admin made it a staff account.
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


class CalledVisitor(NamedTuple):
    """A visitor whose turn it is, until then (ms)."""

    room_id: str
    visitor_id: str
    queue_number: int  # identifies the turn: joining again yields another number
    claim_by_ms: int


async def queue_of_notices(connection: Connection, numbers: Sequence[int]) -> None:
    """Queue e-mails about these rows of the outbox, to visitors who left an address."""
    await connection.execute(_OF_NOTICES, numbers)


async def queue_of_alerts(connection: Connection, numbers: Sequence[int]) -> None:
    """Queue e-mails about alerts among these rows of the outbox, to staff who asked for them."""
    await connection.execute(_OF_ALERTS, numbers)


async def queue_of_turns(postgres: asyncpg.Pool, called: Sequence[CalledVisitor]) -> None:
    """Queue an e-mail to each of these who left an address that it is their turn; once per turn."""
    await postgres.execute(_OF_TURNS, *(list(column) for column in zip(*called, strict=True)))


async def queue_of_reminders(postgres: asyncpg.Pool) -> bool:
    """Queue reminders for events within the next 24 hours, once each; True if there may be more."""
    return await postgres.execute(_OF_REMINDERS, timeout=60) == f"INSERT 0 {REMIND_MAX}"


async def queue_of_message(connection: Connection, job_id: str, reservation_ids: Sequence[str]) -> None:
    """Queue a job's message to the buyers of these orders, once each."""
    await connection.execute(
        f"""
        INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, state)
        SELECT 'message', concat_ws(' ', $1::text, reservations.reservation_id), events.room_id,
               reservations.visitor_id, reservations.reservation_id, reached.email, reached.guest, {_STATE}
        FROM reservations JOIN events USING (event_id)
        {REACHED}
        WHERE reservations.reservation_id = ANY($2) AND reached.email IS NOT NULL
        ON CONFLICT (kind, subject_id) DO NOTHING
        """,
        *(job_id, reservation_ids),
    )


async def queue_of_moved(connection: Connection, reservation_ids: Sequence[str]) -> None:
    """Queue an e-mail to the buyers of these orders that their event was moved, once per date."""
    await connection.execute(
        f"""
        INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, until,
                           state)
        SELECT 'moved', concat_ws(' ', reservations.reservation_id, extract(epoch FROM starts_at)::bigint),
               events.room_id, reservations.visitor_id, reservations.reservation_id, reached.email,
               reached.guest, starts_at, {_STATE}
        FROM reservations JOIN events USING (event_id)
        {REACHED}
        WHERE reservations.reservation_id = ANY($1) AND reached.email IS NOT NULL AND starts_at > now()
        ON CONFLICT (kind, subject_id) DO NOTHING
        """,
        reservation_ids,
    )


async def messages_waiting(connection: Connection, at_most: int) -> int:
    """How many messages of jobs are yet to be sent, counted up to `at_most`."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM "
        "(SELECT FROM mails WHERE kind IN ('message', 'moved') AND state = 'waiting' LIMIT $1) AS waiting",
        at_most,
    )
    return count


async def queue_of_transfer(connection: Connection, transfer_id: str) -> None:
    """Queue an e-mail to the buyer that the ticket they gave away was accepted."""
    await connection.execute(
        f"""
        INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, state)
        SELECT 'transferred', transfer_id, events.room_id, reservations.visitor_id,
               reservations.reservation_id, reached.email, false, {_STATE}
        FROM transfers JOIN tickets USING (ticket_id) JOIN reservations USING (reservation_id)
        JOIN events USING (event_id)
        {REACHED}
        WHERE transfer_id = $1 AND reached.email IS NOT NULL
        ON CONFLICT (kind, subject_id) DO NOTHING
        """,
        transfer_id,
    )
