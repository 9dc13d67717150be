"""SQL of work that was set aside because it keeps failing."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.store.connections import Connection

KEPT_MAX = 10_000
_KEPT_DAYS = 30


class SetAside(NamedTuple):
    """A piece of work that was set aside, and why."""

    kind: str
    subject: str
    room_id: str | None
    content: str
    reason: str
    set_aside_at: datetime
    set_aside_id: int


_COLUMNS = "kind, subject, room_id, content, reason, set_aside_at, set_aside_id"


async def save(
    postgres: asyncpg.Pool, kind: str, subject: str, *, room_id: str | None, content: str, reason: str
) -> None:
    """Store it; repeating it replaces the reason."""
    await postgres.execute(
        "INSERT INTO set_aside (kind, subject, room_id, content, reason) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (kind, subject) DO UPDATE SET reason = excluded.reason",
        *(kind, subject, room_id, content, reason),
    )


async def newest(postgres: asyncpg.Pool, *, limit: int, offset: int) -> list[SetAside]:
    """What was set aside, the latest first."""
    rows = await postgres.fetch(
        f"SELECT {_COLUMNS} FROM set_aside ORDER BY set_aside_id DESC LIMIT $1 OFFSET $2",
        limit,
        offset,
    )
    return [SetAside(*row) for row in rows]


async def remove(connection: Connection, set_aside_id: int) -> SetAside | None:
    """Remove an entry and return it, or None."""
    row = await connection.fetchrow(
        f"DELETE FROM set_aside WHERE set_aside_id = $1 RETURNING {_COLUMNS}", set_aside_id
    )
    return SetAside(*row) if row else None


async def count(postgres: asyncpg.Pool) -> dict[str, int]:
    """The number of entries by kind of work."""
    rows = await postgres.fetch("SELECT kind, count(*) FROM set_aside GROUP BY kind ORDER BY kind")
    return {row["kind"]: row["count"] for row in rows}


async def forget(postgres: asyncpg.Pool) -> None:
    """Delete entries older than a month, and all but the newest 10,000."""
    await postgres.execute(
        "DELETE FROM set_aside WHERE set_aside_at < now() - make_interval(days => $1) OR set_aside_id <= "
        "(SELECT set_aside_id FROM set_aside ORDER BY set_aside_id DESC LIMIT 1 OFFSET $2)",
        _KEPT_DAYS,
        KEPT_MAX,
    )
