"""SQL of e-mails: one row per subject, each attempt by one worker, every outcome kept for staff to see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from app.core.notifications.email import MailKind, MailState
from app.store.connections import Connection
from app.store.sql.waiting_room.rooms import readable

LEASE_S = 120.0  # an attempt that takes longer is over: its worker died
GIVE_UP_AFTER_S = 86_400.0
BROKE_OFF = "The process or the connection ended while it was handed over; it may have arrived."


class Mail(NamedTuple):
    """An e-mail to be written and sent now, and its subject; `attempts` includes this one."""

    mail_id: str
    kind: MailKind
    recipient: str
    guest: bool
    attempts: int
    created_at: datetime
    overdue: bool  # too late to be of use
    until: datetime | None
    room_id: str  # empty: it concerns no room
    room_name: str
    event_name: str | None
    venue: str | None
    starts_at: datetime | None
    timezone: str | None
    locale: str | None  # of the visitor, or of the requester
    room_locale: str | None
    reservation_id: str | None
    cancelled_at: datetime | None  # of the event, as the next three
    moved_from: datetime | None
    refund_until: datetime | None
    notice: str
    status: str | None  # of the reservation, as all that follows
    amount: int | None
    refunded: int | None
    currency: str | None
    items: str  # JSON
    tickets: str  # JSON
    type_names: str  # JSON
    cancelled: str  # JSON: tickets cancelled along with the refund it reports
    subject_id: str
    confirm_token: str | None
    confirm_code: str | None
    message: str | None  # JSON of the job that sends it
    traceparent: str | None  # of the request it concerns, if that was sampled
    alert: str | None  # JSON of the alert it reports
    holder: str = ""  # of the tickets: the buyer's name
    own_words: str = "{}"  # JSON: the sale's own texts by language: `core/notifications/mail_texts.py`
    accent: str = ""  # of the sale's theme
    sums: str = ""  # JSON: the parts of the amount
    identity: str = ""  # how newcomers of the room identify themselves


class MailRow(NamedTuple):
    """An e-mail as staff see it."""

    mail_id: str
    kind: MailKind
    recipient: str
    state: MailState
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    due_at: datetime
    why: str
    subject: str
    body: str
    html: str
    codes: list[str]


# For a test e-mail, the kind that it tries out.
_KIND = "CASE it.kind WHEN 'test' THEN split_part(subject_id, ' ', 1) ELSE it.kind END"
_OWN = """
coalesce((SELECT jsonb_object_agg(locale, jsonb_build_object('subject', subject, 'intro', intro))
          FROM (SELECT '' AS locale, subject, intro, room_id, kind FROM mail_texts
                UNION ALL SELECT locale, subject, intro, room_id, kind FROM mail_translations) AS words
          WHERE words.room_id = it.room_id AND words.kind = {}), '{{}}')::text AS own_words
""".strip().format(_KIND)
_CLAIM = f"""
WITH chosen AS (
    SELECT mail_id FROM mails WHERE state = 'waiting' AND due_at <= now()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
), it AS (
    UPDATE mails SET due_at = now() + make_interval(secs => {LEASE_S}), attempts = attempts + 1
    FROM chosen WHERE mails.mail_id = chosen.mail_id
    RETURNING mails.*
)
SELECT mail_id, kind, recipient, it.guest, attempts, it.created_at,
       coalesce(it.until < now(), false) AS overdue,
       it.until, coalesce(it.room_id, ''), coalesce(rooms.settings ->> 'name', '') AS room_name,
       events.name AS event_name, venue, {readable("starts_at")}, timezone,
       coalesce(it.locale, nullif(buyers.locale, ''), mailboxes.locale),
       rooms.settings ->> 'locale' AS room_locale,
       reservations.reservation_id,
       events.cancelled_at, events.moved_from, events.refund_until, coalesce(events.notice, ''),
       reservations.status, reservations.amount,
       coalesce(refunds.amount, payments.amount - payments.refunded) AS refunded,
       reservations.currency, coalesce(reservations.items, '[]')::text AS items,
       coalesce((SELECT jsonb_agg(jsonb_build_object('ticket_type_id', ticket_type_id, 'seat_id', seat_id,
                                                     'code', code) ORDER BY ticket_type_id, ticket_id)
                 FROM tickets WHERE tickets.reservation_id = it.reservation_id
                   AND CASE it.kind WHEN 'ticket' THEN ticket_id = (SELECT transfers.ticket_id FROM transfers
                                                                    WHERE transfer_id = subject_id)
                            ELSE transferred_at IS NULL END),
                '[]')::text AS tickets,
       coalesce((SELECT jsonb_object_agg(ticket_type_id, ticket_types.name)
                 FROM ticket_types WHERE ticket_types.event_id = events.event_id), '{{}}')::text
       AS type_names, coalesce(refunds.tickets, '[]')::text AS cancelled,
       subject_id, confirm_token, confirm_code,
       (SELECT request::text FROM jobs
        WHERE it.kind = 'message' AND job_id = split_part(subject_id, ' ', 1)) AS message,
       it.traceparent,
       (SELECT row_to_json(alerts)::text FROM alerts
        WHERE it.kind = 'alert' AND alert_id::text = split_part(subject_id, ' ', 1)) AS alert,
       coalesce(buyers.name, '') AS holder, {_OWN},
       coalesce(rooms.settings -> 'theme' ->> 'accent', '') AS accent,
       CASE WHEN reservations.reservation_id IS NULL THEN '' ELSE jsonb_build_object(
           'items', reservations.items || coalesce(cancelled_items, '[]'), 'discount', discount,
           'tax_rates', CASE WHEN taxed THEN tax_rates_at(events.event_id, reservations.created_at)
                             ELSE '{{}}' END)::text END AS sums,
       coalesce(rooms.settings ->> 'identity', '') AS identity
FROM it LEFT JOIN rooms USING (room_id)
LEFT JOIN events USING (room_id)
LEFT JOIN mailboxes USING (room_id, visitor_id)
LEFT JOIN reservations USING (reservation_id)
LEFT JOIN buyers USING (reservation_id)
LEFT JOIN payments ON it.kind = 'refunded' AND payments.payment_id = it.subject_id
LEFT JOIN refunds ON it.kind = 'refunded' AND refunds.refund_id = it.subject_id
ORDER BY it.created_at
"""

_ROW = (
    "mail_id, kind, recipient, state, attempts, created_at, settled_at, due_at, why, "
    "subject, body, html, codes"
)


async def claim(postgres: asyncpg.Pool, limit: int) -> list[Mail]:
    """Claim due e-mails for this worker. Several workers may do this at once."""
    return [Mail(*row) for row in await postgres.fetch(_CLAIM, limit)]


async def hand_over(postgres: asyncpg.Pool, mail: Mail) -> bool:
    """Mark that the server may have it from now on, so it is not sent again. False: another worker has it
    by now."""
    done = await postgres.execute(
        "UPDATE mails SET state = 'handing_over', due_at = now() + make_interval(secs => $3) "
        "WHERE mail_id = $1 AND attempts = $2 AND state = 'waiting'",
        *(mail.mail_id, mail.attempts, LEASE_S),
    )
    return done == "UPDATE 1"


async def write(postgres: asyncpg.Pool, mail: Mail, content: Sequence[Any], *, is_kept: bool) -> None:
    """Store the written e-mail. `is_kept`: it is not sent, but staff can read it."""
    await postgres.execute(
        """
        UPDATE mails SET subject = $3, body = $4, html = $5, codes = $6,
                         state = CASE WHEN $7 THEN 'kept' ELSE state END,
                         settled_at = CASE WHEN $7 THEN now() END
        WHERE mail_id = $1 AND attempts = $2 AND state = 'waiting'
        """,
        *(mail.mail_id, mail.attempts, *content, is_kept),
    )


async def settle(postgres: asyncpg.Pool, mail: Mail, state: MailState, why: str = "") -> None:
    """Record the outcome."""
    await postgres.execute(
        "UPDATE mails SET state = $3, why = $4, settled_at = now() "
        "WHERE mail_id = $1 AND attempts = $2 AND state IN ('waiting', 'handing_over')",
        *(mail.mail_id, mail.attempts, state, why),
    )


async def record_failure(
    postgres: asyncpg.Pool, mail: Mail, retry_after_s: float, why: str, *, refused: bool
) -> bool:
    """Record a failed attempt: retry later, or give up after a day; returns whether it was given up.

    `refused`: by the server itself. Otherwise an e-mail that was being handed over is left alone.
    """
    state = await postgres.fetchval(
        f"""
        UPDATE mails SET
            state = CASE WHEN old THEN 'given_up' ELSE 'waiting' END,
            settled_at = CASE WHEN old THEN now() END,
            due_at = now() + make_interval(secs => $3), why = $4
        FROM (SELECT created_at < now() - make_interval(secs => {GIVE_UP_AFTER_S}) AS old
              FROM mails WHERE mail_id = $1) AS age
        WHERE mail_id = $1 AND attempts = $2 AND (state = 'waiting' OR state = 'handing_over' AND $5)
        RETURNING state
        """,
        *(mail.mail_id, mail.attempts, retry_after_s, why, refused),
    )
    return bool(state == "given_up")


async def give_up(postgres: asyncpg.Pool, mail: Mail, why: str) -> bool:
    """Stop retrying; False if the server may have it, or another worker has."""
    done = await postgres.execute(
        "UPDATE mails SET state = 'given_up', why = $3, settled_at = now() "
        "WHERE mail_id = $1 AND attempts = $2 AND state = 'waiting'",
        *(mail.mail_id, mail.attempts, why),
    )
    return done == "UPDATE 1"


async def close_unclear(postgres: asyncpg.Pool) -> int:
    """Close e-mails whose sender died while handing them over, as they may have arrived; returns how many."""
    done = await postgres.execute(
        "UPDATE mails SET state = 'unclear', why = $1, settled_at = now() "
        "WHERE state = 'handing_over' AND due_at < now()",
        BROKE_OFF,
    )
    return int(done.rpartition(" ")[2])


async def select(
    postgres: asyncpg.Pool, state: MailState | None, word: str | None, *, limit: int, offset: int
) -> tuple[list[MailRow], int]:
    """One page of the e-mails, newest first, and how many match; `word`: part of an address, or a
    reservation."""
    where = """
        FROM mails WHERE ($1::text IS NULL OR state = $1)
        AND ($2::text IS NULL OR strpos(lower(recipient), lower($2)) > 0 OR reservation_id = $2)
    """
    rows = await postgres.fetch(
        f"SELECT {_ROW} {where} ORDER BY created_at DESC, mail_id LIMIT $3 OFFSET $4",
        *(state, word, limit, offset),
        timeout=60,
    )
    total: int = await postgres.fetchval(f"SELECT count(*) {where}", state, word, timeout=60)
    return [MailRow(*row) for row in rows], total


async def select_one(postgres: asyncpg.Pool, mail_id: str) -> MailRow | None:
    """The e-mail, or None."""
    row = await postgres.fetchrow(f"SELECT {_ROW} FROM mails WHERE mail_id = $1", mail_id)
    return MailRow(*row) if row else None


async def pending(postgres: asyncpg.Pool) -> int:
    """The number of e-mails yet to be sent."""
    count: int = await postgres.fetchval(
        "SELECT count(*) FROM mails WHERE state IN ('waiting', 'handing_over')"
    )
    return count


async def requeue(connection: Connection, mail_id: str) -> str | None:
    """Make an e-mail that may not have arrived due again; returns its previous state, None if not allowed."""
    state: str | None = await connection.fetchval(
        "SELECT state FROM mails WHERE mail_id = $1 AND state IN ('kept', 'given_up', 'unclear') FOR UPDATE",
        mail_id,
    )
    if state is not None:
        await connection.execute(
            "UPDATE mails SET state = 'waiting', attempts = 0, due_at = now(), created_at = now(), "
            "settled_at = NULL, why = '' WHERE mail_id = $1",
            mail_id,
        )
    return state
