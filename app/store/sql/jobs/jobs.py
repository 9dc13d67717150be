"""SQL of jobs. A step is one transaction that locks the job's row, so its work and progress commit
together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from app.core.jobs import UNFINISHED, UNFINISHED_MAX, JobKind, JobRequest, JobState
from app.core.model import Role
from app.store.connections import Connection, Queries

BREAKS_MAX = 3  # consecutive failed steps until the job is failed for good
WHY_MAX = 300


class Job(NamedTuple):
    """A job and its progress."""

    job_id: str
    kind: JobKind
    event_id: str | None
    request: JobRequest
    asked_by: str
    asked_role: Role
    asked_name: str | None  # of the account
    state: JobState
    done: int
    total: int | None  # None: not counted yet
    failed: int
    steps: int
    error: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Item(NamedTuple):
    """An order to process, and its number in the job."""

    number: int
    reservation_id: str


class Failure(NamedTuple):
    """An order that failed."""

    reservation_id: str
    why: str


_COLUMNS = """
job_id, kind, event_id, request::text, asked_by, asked_role,
(SELECT name FROM accounts WHERE account_id = asked_by), state, done, total, failed, steps, error,
jobs.created_at, started_at, ended_at
"""


async def insert(
    connection: Connection, job_id: str, kind: JobKind, request: JobRequest, by: str, role: str
) -> bool:
    """Insert a job. False if too many jobs are unfinished or the same one is running."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('fairgate jobs', 0))")
    done = await connection.execute(
        f"""
        INSERT INTO jobs (job_id, kind, event_id, request, asked_by, asked_role)
        SELECT $1, $2, $3, $4, $5, $6
        WHERE (SELECT count(*) FROM jobs WHERE state = ANY($7)) < {UNFINISHED_MAX}
        ON CONFLICT DO NOTHING
        """,
        *(job_id, kind, request.event_id, msgspec.json.encode(request).decode(), by, role, UNFINISHED),
    )
    return done == "INSERT 0 1"


async def select(postgres: asyncpg.Pool, *, limit: int, offset: int) -> tuple[list[Job], int]:
    """One page of the jobs, newest first, and how many there are."""
    rows = await postgres.fetch(
        f"SELECT {_COLUMNS} FROM jobs ORDER BY jobs.created_at DESC, job_id LIMIT $1 OFFSET $2", limit, offset
    )
    total: int = await postgres.fetchval("SELECT count(*) FROM jobs")
    return [_job(row) for row in rows], total


async def select_one(queries: Queries, job_id: str) -> Job | None:
    """The job, or None."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} FROM jobs WHERE job_id = $1", job_id)
    return _job(row) if row else None


async def lock(connection: Connection, job_id: str) -> Job | None:
    """Lock an unfinished job for one step. None if it has ended or another worker has it."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM jobs WHERE job_id = $1 AND state = ANY($2) FOR UPDATE OF jobs SKIP LOCKED",
        *(job_id, UNFINISHED),
    )
    return _job(row) if row else None


async def idle(postgres: asyncpg.Pool, idle_s: float) -> list[tuple[str, int]]:
    """Unfinished jobs that no worker has continued for this long, with their steps so far."""
    rows = await postgres.fetch(
        "SELECT job_id, steps FROM jobs WHERE state = ANY($1) "
        "AND changed_at < now() - make_interval(secs => $2) ORDER BY changed_at LIMIT $3",
        *(UNFINISHED, idle_s, UNFINISHED_MAX),
    )
    return [(row["job_id"], row["steps"]) for row in rows]


async def unfinished(postgres: asyncpg.Pool) -> int:
    """The number of unfinished jobs."""
    count: int = await postgres.fetchval("SELECT count(*) FROM jobs WHERE state = ANY($1)", UNFINISHED)
    return count


async def next_items(connection: Connection, job_id: str, limit: int) -> list[Item]:
    """The next orders to process; those tried before come last."""
    rows = await connection.fetch(
        "SELECT number, reservation_id FROM job_items WHERE job_id = $1 AND why = '' "
        "ORDER BY tries, number LIMIT $2",
        *(job_id, limit),
    )
    return [Item(*row) for row in rows]


async def drop_items(connection: Connection, job_id: str, items: Sequence[Item]) -> None:
    """Remove these orders from the job: they are done."""
    await connection.execute(
        "DELETE FROM job_items USING unnest($2::bigint[]) AS done (number) "
        "WHERE job_id = $1 AND job_items.number = done.number",
        *(job_id, [it.number for it in items]),
    )


async def postpone(
    connection: Connection, job_id: str, items: Sequence[Item], tries_max: int, why: str
) -> int:
    """Postpone orders that could not be done now; returns how many have failed for good."""
    given_up: int = await connection.fetchval(
        """
        WITH changed AS (
            UPDATE job_items SET tries = tries + 1, why = CASE WHEN tries + 1 >= $3 THEN $4 ELSE '' END
            WHERE job_id = $1 AND number = ANY($2) RETURNING why
        )
        SELECT count(*) FROM changed WHERE why <> ''
        """,
        *(job_id, [it.number for it in items], tries_max, why),
    )
    return given_up


async def failures(postgres: asyncpg.Pool, job_id: str, limit: int) -> list[Failure]:
    """Orders that failed, with the reason."""
    rows = await postgres.fetch(
        "SELECT reservation_id, why FROM job_items WHERE job_id = $1 AND why <> '' ORDER BY number LIMIT $2",
        *(job_id, limit),
    )
    return [Failure(*row) for row in rows]


async def begin(connection: Connection, job_id: str, total: int) -> None:
    """Record how many orders the job has."""
    await connection.execute(
        "UPDATE jobs SET state = 'running', total = $2, steps = steps + 1, breaks = 0, error = '', "
        "started_at = clock_timestamp(), changed_at = clock_timestamp() WHERE job_id = $1",
        *(job_id, total),
    )


async def advance(connection: Connection, job_id: str, done: int, failed: int = 0) -> None:
    """Record the progress of a step."""
    await connection.execute(
        "UPDATE jobs SET done = done + $2, failed = failed + $3, steps = steps + 1, breaks = 0, error = '', "
        "changed_at = clock_timestamp() WHERE job_id = $1",
        *(job_id, done, failed),
    )


async def finish(queries: Queries, job_id: str, state: JobState, error: str = "") -> bool:
    """End a job in this state. False if it had already ended or does not exist."""
    done = await queries.execute(
        "UPDATE jobs SET state = $2, error = $3, ended_at = now(), changed_at = clock_timestamp() "
        "WHERE job_id = $1 AND state = ANY($4)",
        *(job_id, state, error, UNFINISHED),
    )
    return done == "UPDATE 1"


async def record_failure(postgres: asyncpg.Pool, job_id: str, error: str) -> None:
    """Record a failed step: it is retried a few times, then the job fails."""
    await postgres.execute(
        f"""
        UPDATE jobs SET breaks = breaks + 1, error = $2, changed_at = clock_timestamp(),
               state = CASE WHEN breaks + 1 >= {BREAKS_MAX} THEN 'failed' ELSE state END,
               ended_at = CASE WHEN breaks + 1 >= {BREAKS_MAX} THEN now() END
        WHERE job_id = $1 AND state = ANY($3)
        """,
        *(job_id, error[:WHY_MAX], UNFINISHED),
    )


async def add_part(connection: Connection, job_id: str, number: int, content: bytes, rows: int) -> None:
    """Append a chunk with this many rows to the job's file."""
    await connection.execute(
        "INSERT INTO job_parts (job_id, number, content, rows) VALUES ($1, $2, $3, $4)",
        *(job_id, number, content, rows),
    )


async def rows_so_far(connection: Connection, job_id: str) -> int:
    """How many rows the job's file has."""
    count: int = await connection.fetchval(
        "SELECT coalesce(sum(rows), 0)::bigint FROM job_parts WHERE job_id = $1", job_id
    )
    return count


async def next_part(postgres: asyncpg.Pool, job_id: str, after: int) -> tuple[int, bytes] | None:
    """The next chunk of the job's file, or None after the last."""
    row = await postgres.fetchrow(
        "SELECT number, content FROM job_parts WHERE job_id = $1 AND number > $2 ORDER BY number LIMIT 1",
        *(job_id, after),
    )
    return (row["number"], row["content"]) if row else None


def _job(row: asyncpg.Record) -> Job:
    values = list(row)
    values[3] = msgspec.json.decode(values[3], type=JobRequest)
    return Job(*values)
