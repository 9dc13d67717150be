"""Deletes rows that are past their retention."""

from __future__ import annotations

import asyncpg

from app.store.sql import set_aside

STEP_MAX = 10_000  # rows of a table in one statement, so that none takes long

_LONG_CLOSED = (
    "room_id IN (SELECT room_id FROM rooms WHERE state = 'closed' AND closed_at < now() - interval '30 days')"
)
# Calls: the longest claim window is a day; those of a sale say for good how long people waited. Draws,
# endings: place tokens live 30 days after the room closed.
_PAST = {
    "idempotent_replies": "created_at < now() - interval '24 hours'",
    "gateway_messages": "received_at < now() - interval '1 day'",  # refused by age after 5 min
    "mails": "created_at < now() - interval '30 days' AND state NOT IN ('waiting', 'handing_over')",
    "mailboxes": f"{_LONG_CLOSED} AND NOT EXISTS (SELECT FROM events "
    "WHERE events.room_id = mailboxes.room_id AND starts_at > now() - interval '30 days')",
    "password_resets": "expires_at <= now()",
    "mail_traces": "at < now() - interval '1 day'",
    "calls": "called_at < now() - interval '2 days' AND room_id NOT IN (SELECT room_id FROM events)",
    "room_history": "step_s = 10 AND at < now() - interval '1 day'",
    "drawn_places": _LONG_CLOSED,
    "ended_places": _LONG_CLOSED,
    "carried_places": _LONG_CLOSED,
    "job_parts": "job_id IN (SELECT job_id FROM jobs WHERE ended_at < now() - interval '1 day')",
    "job_items": "job_id IN (SELECT job_id FROM jobs WHERE ended_at < now() - interval '7 days')",
    "jobs": "ended_at < now() - interval '7 days' AND NOT EXISTS (SELECT FROM job_items "
    "WHERE job_items.job_id = jobs.job_id)",
    "alerts": "ended_at < now() - interval '90 days'",
    "audit": "$1 > 0 AND changed_at < now() - make_interval(days => $1)",
}


async def forget(postgres: asyncpg.Pool, audit_keep_days: int) -> bool:
    """Delete rows past their retention; of the audit log what is older than `audit_keep_days` (0: nothing).

    Some of it: True when there may be more.
    """
    more = False
    for table, condition in _PAST.items():
        given = (audit_keep_days,) if "$1" in condition else ()
        done = await postgres.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
            f"SELECT ctid FROM {table} WHERE {condition} LIMIT {STEP_MAX}))",
            *given,
            timeout=60,
        )
        more = more or done == f"DELETE {STEP_MAX}"
    await set_aside.forget(postgres)
    return more
