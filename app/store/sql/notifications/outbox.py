"""SQL of the outbox: changes not published yet. The triggers of migration 0005 write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import asyncpg

from app.core.notifications.notice_types import NoticeType
from app.store.connections import Connection, Queries

KEPT_DAYS = 3  # how long published events can be replayed
NOTICES_MAX = 500  # published per step of the relay; the last row may exceed it, if many were changed at once
FORGET_MAX = 5_000
APART_MAX = 100  # rows of one step that are published one by one


class Notice(NamedTuple):
    """An event as others receive it; `data` is JSON. When sent again, it has the same id."""

    notice_id: str
    type: NoticeType
    at: str
    data: str


class OutboxBatch(NamedTuple):
    """The next rows of the outbox with their events, in order, and whether there is any active webhook."""

    numbers: list[int]
    notices: list[Notice]
    listened: bool
    traceparents: list[str]  # of the sampled requests behind these changes


AT = "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"  # RFC 3339

# Lowest numbers first: earlier changes of a reservation have lower ones (migration 0005).
_NEXT = f"""
WITH first AS (
    SELECT number, sum(cardinality(subjects)) OVER (ORDER BY number) - cardinality(subjects) AS before
    FROM (SELECT number, subjects FROM outbox WHERE streamed_at IS NULL
          AND ($1::bigint IS NULL OR number = $1) ORDER BY number LIMIT {NOTICES_MAX}) AS it
)
SELECT number, notice_id, type, {AT} AS at, data::text, traceparent,
       EXISTS (SELECT FROM webhooks WHERE disabled_at IS NULL) AS listened
FROM notices WHERE number IN (SELECT number FROM first WHERE before < {NOTICES_MAX})
ORDER BY number, ordinal
"""

_MARK = """
WITH marked AS (
    UPDATE outbox SET streamed_at = now(), queued = true WHERE number = ANY($1)
)
INSERT INTO stream_end (entry_id) VALUES ($2) ON CONFLICT (one) DO UPDATE SET entry_id = excluded.entry_id
"""

# Events streamed again after Redis was lost are not delivered again.
_DELIVER = """
WITH fresh AS (
    SELECT number FROM outbox WHERE number = ANY($1) AND NOT queued
)
INSERT INTO deliveries (webhook_id, number, ordinal, thread)
SELECT webhook_id, number, ordinal, thread
FROM fresh JOIN notices USING (number)
JOIN webhooks ON disabled_at IS NULL AND (notices.type = ANY(types)
    OR types = '{}' AND notices.type NOT LIKE 'visitor.%')  -- of which there are many: by name only
ON CONFLICT DO NOTHING
"""


# The relay looks up a few hundred rows by their keys. Without this, PostgreSQL would scan the whole table
# once it has some ten thousand rows, and plan each step anew.
_LOCK = """
SELECT pg_try_advisory_xact_lock(hashtext('fairgate relay'))
FROM set_config('synchronous_commit', 'off', true) AS commits,
     set_config('enable_hashjoin', 'off', true) AS joins,
     set_config('plan_cache_mode', 'force_generic_plan', true) AS plans
"""


@asynccontextmanager
async def relay_lock(postgres: asyncpg.Pool) -> AsyncIterator[Connection | None]:
    """A transaction that excludes other relays, or None: somebody else is relaying. A relay that dies
    releases it.

    Its COMMIT does not wait for the disk: a lost one is repeated.
    """
    async with postgres.acquire() as connection, connection.transaction():
        acquired = await connection.fetchval(_LOCK)
        yield connection if acquired else None


async def has_next(postgres: asyncpg.Pool) -> bool:
    """Whether there is anything to publish."""
    exists: bool = await postgres.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE streamed_at IS NULL)")
    return exists


async def next_events(connection: Connection, number: int | None = None) -> OutboxBatch:
    """The next events, or those of this row. Call inside `relay_lock`."""
    rows = await connection.fetch(_NEXT, number)
    notices = [Notice(row["notice_id"], row["type"], row["at"], row["data"]) for row in rows]
    numbers = list(dict.fromkeys(row["number"] for row in rows))
    traceparents = list(dict.fromkeys(it for row in rows if (it := row["traceparent"])))
    return OutboxBatch(numbers, notices, bool(rows) and rows[0]["listened"], traceparents)


async def first_numbers(connection: Connection) -> list[int]:
    """The next rows, one by one."""
    rows = await connection.fetch(
        "SELECT number FROM outbox WHERE streamed_at IS NULL ORDER BY number LIMIT $1", APART_MAX
    )
    return [row["number"] for row in rows]


async def skip(connection: Connection, number: int) -> str:
    """Skip this row and return it."""
    row: str = await connection.fetchval(
        "WITH passed AS (UPDATE outbox SET streamed_at = now(), queued = true WHERE number = $1 RETURNING *) "
        "SELECT row_to_json(passed)::text FROM passed",
        number,
    )
    return row


async def publish_again(connection: Connection, number: int) -> bool:
    """Publish a skipped row again; False if it is no longer stored."""
    done = await connection.execute(
        "UPDATE outbox SET streamed_at = NULL, queued = false WHERE number = $1", number
    )
    return done == "UPDATE 1"


async def deliver(connection: Connection, numbers: Sequence[int]) -> None:
    """Queue the events for each webhook that wants them. Called before `mark_streamed`."""
    await connection.execute(_DELIVER, numbers)


async def mark_streamed(connection: Connection, numbers: Sequence[int], entry_id: str) -> None:
    """Mark rows as streamed, up to `entry_id`."""
    await connection.execute(_MARK, numbers, entry_id)


async def stream_end(queries: Queries) -> str:
    """The last entry recorded as added to the Redis stream; `0-0` if there was none."""
    entry_id: str = await queries.fetchval("SELECT coalesce((SELECT entry_id FROM stream_end), '0-0')")
    return entry_id


async def stream_again(connection: Connection, since_ms: int, entry_id: str) -> int:
    """Stream again what was added since then: the stream ends at `entry_id` and lacks it. Returns how many
    rows."""
    done = await connection.execute(
        "UPDATE outbox SET streamed_at = NULL WHERE streamed_at >= to_timestamp($1 / 1000.0)", since_ms
    )
    await connection.execute("UPDATE stream_end SET entry_id = $1", entry_id)
    return int(done.rpartition(" ")[2])


async def lag_s(postgres: asyncpg.Pool) -> float:
    """Age in seconds of the oldest unpublished event; 0 if there is none."""
    waits: float = await postgres.fetchval(
        "SELECT coalesce(extract(epoch FROM now() - (SELECT at FROM outbox WHERE streamed_at IS NULL "
        "ORDER BY number LIMIT 1)), 0)::float8"
    )
    return max(0.0, waits)


async def forget(postgres: asyncpg.Pool) -> bool:
    """Delete published rows past their retention; True when there may be more."""
    done = await postgres.execute(
        """
        DELETE FROM outbox WHERE number IN (
            SELECT number FROM outbox
            WHERE streamed_at < now() - make_interval(days => $1) AND queued
              AND NOT EXISTS (SELECT FROM set_aside WHERE kind = 'notice' AND subject = number::text)
              AND NOT EXISTS (SELECT FROM deliveries
                              WHERE deliveries.number = outbox.number AND given_up_at IS NULL)
            ORDER BY streamed_at LIMIT $2)
        """,
        KEPT_DAYS,
        FORGET_MAX,
        timeout=60,
    )
    return done == f"DELETE {FORGET_MAX}"
