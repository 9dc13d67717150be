"""Forgets rows that are past their time."""

from __future__ import annotations

import asyncpg

from app.store import set_aside

# Calls: the longest claim window is a day. Draws, endings: place tokens live 30 days after the room closed.
_FORGET = (
    "DELETE FROM idempotent_replies WHERE created_at < now() - interval '24 hours'",
    "DELETE FROM gateway_messages WHERE received_at < now() - interval '1 day'",  # refused by age after 5 min
    "DELETE FROM mails WHERE created_at < now() - interval '30 days' "
    "AND state NOT IN ('waiting', 'handing_over')",
    "DELETE FROM mailboxes USING rooms WHERE rooms.room_id = mailboxes.room_id AND rooms.state = 'closed' "
    "AND rooms.closed_at < now() - interval '30 days' AND NOT EXISTS "
    "(SELECT FROM events WHERE events.room_id = rooms.room_id AND starts_at > now() - interval '30 days')",
    "DELETE FROM mail_traces WHERE at < now() - interval '1 day'",
    "DELETE FROM calls WHERE called_at < now() - interval '2 days'",
    "DELETE FROM drawn_places USING rooms WHERE rooms.room_id = drawn_places.room_id "
    "AND rooms.state = 'closed' AND rooms.closed_at < now() - interval '30 days'",
    "DELETE FROM ended_places USING rooms WHERE rooms.room_id = ended_places.room_id "
    "AND rooms.state = 'closed' AND rooms.closed_at < now() - interval '30 days'",
)


async def forget(postgres: asyncpg.Pool, audit_keep_days: int) -> None:
    """Delete what nobody can ask for any more; of the audit log what is older than that, 0: nothing."""
    for statement in _FORGET:
        await postgres.execute(statement, timeout=60)
    await set_aside.forget(postgres)
    if audit_keep_days:
        await postgres.execute(
            "DELETE FROM audit WHERE changed_at < now() - make_interval(days => $1)",
            audit_keep_days,
            timeout=60,
        )
