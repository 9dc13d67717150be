"""Deletes rows past their retention period."""

from __future__ import annotations

import asyncpg

from app.store.sql import set_aside

STEP_MAX = 10_000  # rows of a table per statement, so that none takes long

_LONG_CLOSED = (
    "room_id IN (SELECT room_id FROM rooms WHERE state = 'closed' AND closed_at < now() - interval '30 days')"
)
# Calls: the longest claim window is a day; those of a sale are kept, because they document the waits. Draws,
# endings: place tokens live until 30 days after the room closed.
_PAST = {
    "idempotent_replies": "created_at < now() - interval '24 hours'",
    "gateway_messages": "received_at < now() - interval '1 day'",  # older ones are refused after 5 min anyway
    "mails": "created_at < now() - interval '30 days' AND state NOT IN ('waiting', 'handing_over')",
    "mailboxes": f"{_LONG_CLOSED} AND NOT EXISTS (SELECT FROM events "
    "WHERE events.room_id = mailboxes.room_id AND starts_at > now() - interval '30 days')",
    "room_invites": f"{_LONG_CLOSED} AND NOT EXISTS (SELECT FROM events "
    "WHERE events.room_id = room_invites.room_id AND starts_at > now() - interval '30 days')",
    "members": _LONG_CLOSED,
    "identities": _LONG_CLOSED,
    "password_resets": "expires_at <= now()",
    "ticket_links": "expires_at <= now()",
    "transfers": "state = 'offered' AND expires_at <= now() OR state = 'withdrawn'",
    "invitations": "expires_at <= now()",
    "fan_steps": "expires_at <= now()",
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
# Sales that are over and started longer ago than buyers are kept: by their own setting, or the general one
# ($1).
_LONG_OVER = """
FROM events JOIN rooms USING (room_id)
WHERE coalesce(buyers_keep_days, $1) > 0
  AND starts_at < now() - make_interval(days => coalesce(buyers_keep_days, $1))
  AND (NOT sell_after_start OR rooms.state = 'closed')
"""
# Their orders, except those with a refund yet to be made.
_OF_LONG_AGO = f"""
SELECT reservation_id FROM reservations WHERE event_id IN (SELECT event_id {_LONG_OVER})
  AND NOT EXISTS (SELECT FROM refunds WHERE refunds.reservation_id = reservations.reservation_id
                  AND refunds.state = 'owed')
"""
# As in erasing one person's data, in the same order (`personal_data`).
_BUYERS = (
    "UPDATE transfers SET email = '', name = '', "
    "state = CASE state WHEN 'offered' THEN 'withdrawn' ELSE state END WHERE transfer_id = ANY(ARRAY("
    "SELECT transfer_id FROM transfers JOIN tickets USING (ticket_id) WHERE email <> '' "
    f"AND reservation_id IN ({_OF_LONG_AGO}) LIMIT {STEP_MAX}))",
    "UPDATE tickets SET holder_email = '', holder_name = '' WHERE ticket_id = ANY(ARRAY("
    "SELECT ticket_id FROM tickets WHERE (holder_email <> '' OR holder_name <> '') "
    f"AND reservation_id IN ({_OF_LONG_AGO}) LIMIT {STEP_MAX}))",
    "WITH gone AS (DELETE FROM buyers WHERE reservation_id = ANY(ARRAY("
    f"SELECT reservation_id FROM buyers WHERE reservation_id IN ({_OF_LONG_AGO}) LIMIT {STEP_MAX})) "
    "RETURNING reservation_id), mailed AS (DELETE FROM mails USING gone "
    "WHERE mails.reservation_id = gone.reservation_id) SELECT FROM gone",
)


async def forget(postgres: asyncpg.Pool, audit_keep_days: int, buyers_keep_days: int = 0) -> bool:
    """Delete rows past their retention: audit entries older than `audit_keep_days`, buyers of events that
    started `buyers_keep_days` ago (0: never) or as long ago as the sale itself says, and so on.

    Deletes a part at a time: True if there may be more.
    """
    more = False
    due = await postgres.fetchval(f"SELECT EXISTS (SELECT {_LONG_OVER})", buyers_keep_days, timeout=60)
    for statement in _BUYERS if due else ():
        done = await postgres.execute(statement, buyers_keep_days, timeout=60)
        more = more or done.endswith(f" {STEP_MAX}")
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
