"""SQL of the log of webhook requests, and of pending deliveries, for staff."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.store.connections import Connection
from app.store.sql.notifications.outbox import AT

ATTEMPTS_KEPT_DAYS = 7
ATTEMPTS_MAX = 10_000  # kept per webhook


class Answer(NamedTuple):
    """The result of one request: its duration, its status if there was one, and why it failed."""

    took_ms: int
    status: int | None
    why: str  # empty: it was accepted


class Attempt(NamedTuple):
    """A logged request."""

    at: datetime
    number: int
    ordinal: int
    notice_id: str
    type: str
    attempt: int
    took_ms: int
    status: int | None
    why: str


class QueuedDelivery(NamedTuple):
    """A delivery that is due or has failed for good, and the outcome of its last attempt, if there was
    one."""

    number: int
    ordinal: int
    notice_id: str
    type: str
    thread: str
    at: str
    attempts: int
    due_at: datetime
    given_up_at: datetime | None
    status: int | None
    why: str | None


_ONE_AGAIN = """
WITH chosen AS (
    SELECT number, ordinal, thread, notice_id FROM notices WHERE number = $2 AND ordinal = $3
), again AS (
    INSERT INTO deliveries (webhook_id, number, ordinal, thread)
    SELECT $1, number, ordinal, thread FROM chosen
    ON CONFLICT (webhook_id, number, ordinal) DO UPDATE SET
        attempts = 0, due_at = now(), created_at = now(), given_up_at = NULL
)
SELECT notice_id FROM chosen
"""

_QUEUED = f"""
SELECT it.number, it.ordinal, notice_id, notices.type, it.thread, {AT} AS at, attempts, due_at, given_up_at,
       status, why
FROM (SELECT * FROM deliveries WHERE webhook_id = $1
      ORDER BY given_up_at DESC NULLS LAST, attempts DESC, number, ordinal LIMIT $2) AS it
JOIN notices USING (number, ordinal)
LEFT JOIN LATERAL (
    SELECT status, why FROM webhook_attempts
    WHERE webhook_attempts.webhook_id = $1 AND webhook_attempts.number = it.number
      AND webhook_attempts.ordinal = it.ordinal
    ORDER BY attempt_id DESC LIMIT 1
) AS last ON attempts > 0
ORDER BY given_up_at DESC NULLS LAST, attempts DESC, it.number, it.ordinal
"""


async def select_queued(postgres: asyncpg.Pool, webhook_id: str, limit: int) -> list[QueuedDelivery]:
    """Failed deliveries, the latest first; then pending ones, most attempts first."""
    return [QueuedDelivery(*row) for row in await postgres.fetch(_QUEUED, webhook_id, limit, timeout=60)]


async def select_attempts(
    postgres: asyncpg.Pool, webhook_id: str, *, limit: int, offset: int
) -> tuple[list[Attempt], int]:
    """One page of a webhook's log, newest first, and how many rows it has."""
    rows = await postgres.fetch(
        "SELECT at, number, ordinal, notice_id, type, attempt, took_ms, status, why FROM webhook_attempts "
        "WHERE webhook_id = $1 ORDER BY attempt_id DESC LIMIT $2 OFFSET $3",
        *(webhook_id, limit, offset),
    )
    total = await postgres.fetchval("SELECT count(*) FROM webhook_attempts WHERE webhook_id = $1", webhook_id)
    return [Attempt(*row) for row in rows], total


async def deliver_one_again(connection: Connection, webhook_id: str, number: int, ordinal: int) -> str | None:
    """Make one event due again; returns its id, or None if it was deleted. The webhook is already locked."""
    notice_id: str | None = await connection.fetchval(_ONE_AGAIN, webhook_id, number, ordinal)
    return notice_id


async def forget_attempts(postgres: asyncpg.Pool) -> None:
    """Trim each webhook's log to what pages show."""
    await postgres.execute(
        """
        DELETE FROM webhook_attempts USING webhooks
        WHERE webhook_attempts.webhook_id = webhooks.webhook_id
          AND (at < now() - make_interval(days => $1)
               OR attempt_id <= (SELECT attempt_id FROM webhook_attempts AS it
                                 WHERE it.webhook_id = webhooks.webhook_id
                                 ORDER BY attempt_id DESC OFFSET $2 LIMIT 1))
        """,
        *(ATTEMPTS_KEPT_DAYS, ATTEMPTS_MAX),
        timeout=60,
    )
