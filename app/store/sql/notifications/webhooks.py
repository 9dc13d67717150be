"""SQL of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from app.store.connections import Connection
from app.store.sql.notifications.delivery_log import Answer
from app.store.sql.notifications.outbox import AT, Notice

LEASE_S = 60.0  # a delivery that takes longer may be claimed by another worker: its worker died
GIVE_UP_AFTER_S = 86_400.0
GIVEN_UP_MAX = 10  # consecutive failed deliveries that disable the webhook


class Webhook(NamedTuple):
    """A webhook: its address and events, and the state of its deliveries."""

    webhook_id: str
    url: str
    types: list[str]  # empty: all
    description: str
    created_at: datetime
    disabled_at: datetime | None
    failure: str  # the last one
    failed_at: datetime | None
    pending: int
    given_up: int


class Target(NamedTuple):
    """The address of a webhook's deliveries, and its signing secret."""

    webhook_id: str
    url: str
    secret: str


class Delivery(NamedTuple):
    """An event to be delivered now; `attempts` includes this one."""

    number: int
    ordinal: int
    attempts: int
    notice: Notice
    traceparent: str | None = None  # of the request behind the change, if it was sampled


_SELECT = """
SELECT webhooks.webhook_id, url, types, description, created_at, disabled_at, failure, failed_at,
       count(number) FILTER (WHERE given_up_at IS NULL) AS pending,
       count(number) FILTER (WHERE given_up_at IS NOT NULL) AS given_up
FROM (SELECT * FROM webhooks WHERE $3::text IS NULL OR webhook_id = $3
      ORDER BY created_at, webhook_id LIMIT $1 OFFSET $2) AS webhooks
LEFT JOIN (SELECT webhook_id, number, given_up_at FROM deliveries) AS deliveries USING (webhook_id)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY created_at, webhook_id
"""

# Only the first delivery of each thread, so that the next one follows once that is done or given up. The
# lookup is per row and by thread: `||` keeps the planner from using the webhook's indexes, which it prefers
# without statistics. Otherwise this takes seconds after an address was unreachable for a while.
_CLAIM = f"""
WITH chosen AS (
    SELECT number, ordinal FROM deliveries AS it
    WHERE webhook_id = $1 AND given_up_at IS NULL AND due_at <= now()
      AND (number, ordinal) = (SELECT number, ordinal FROM deliveries AS first
                               WHERE first.thread = it.thread AND first.webhook_id || '' = $1
                                 AND first.given_up_at IS NULL
                               ORDER BY number, ordinal LIMIT 1)
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE deliveries SET due_at = now() + make_interval(secs => {LEASE_S}), attempts = attempts + 1
    FROM chosen WHERE webhook_id = $1
      AND deliveries.number = chosen.number AND deliveries.ordinal = chosen.ordinal
    RETURNING deliveries.number, deliveries.ordinal, attempts
)
SELECT number, ordinal, attempts, notice_id, type, {AT} AS at, data::text, traceparent
FROM claimed JOIN notices USING (number, ordinal) ORDER BY number, ordinal
"""

# Lock order: the webhook first, then its deliveries; deleting a webhook does the same.
_FAILED = f"""
WITH first AS (
    SELECT webhook_id FROM webhooks WHERE webhook_id = $1 FOR NO KEY UPDATE
), noted AS (
    INSERT INTO webhook_attempts
        (webhook_id, number, ordinal, notice_id, type, attempt, took_ms, status, why)
    SELECT webhook_id, $2, $3, $6, $7, $8, $9, $10, $5 FROM first
), failed AS (
    UPDATE deliveries SET
        due_at = now() + make_interval(secs => $4),
        given_up_at = CASE WHEN $11 OR created_at < now() - make_interval(secs => {GIVE_UP_AFTER_S})
                           THEN now() END
    FROM first WHERE deliveries.webhook_id = first.webhook_id
      AND number = $2 AND ordinal = $3 AND given_up_at IS NULL
    RETURNING given_up_at
)
UPDATE webhooks SET
    failure = $5, failed_at = now(),
    given_up = given_up + (given_up_at IS NOT NULL)::int,
    disabled_at = CASE WHEN given_up + (given_up_at IS NOT NULL)::int >= {GIVEN_UP_MAX}
                       THEN coalesce(disabled_at, now()) ELSE disabled_at END
FROM failed WHERE webhook_id = $1
RETURNING given_up_at IS NOT NULL AS given_up, disabled_at IS NOT NULL AS disabled
"""

_AGAIN = """
INSERT INTO deliveries AS it (webhook_id, number, ordinal, thread)
SELECT webhook_id, number, ordinal, thread
FROM webhooks, notices JOIN outbox USING (number)
WHERE webhook_id = $1 AND notices.at >= $2 AND outbox.queued
  AND (notices.type = ANY(types) OR types = '{}' AND notices.type NOT LIKE 'visitor.%')
ON CONFLICT (webhook_id, number, ordinal) DO UPDATE SET
    attempts = 0, due_at = now(), created_at = now(), given_up_at = NULL
WHERE it.given_up_at IS NOT NULL
"""


_DELIVERED = """
WITH first AS (
    SELECT webhook_id FROM webhooks WHERE webhook_id = $1 FOR KEY SHARE
), noted AS (
    INSERT INTO webhook_attempts
        (webhook_id, number, ordinal, notice_id, type, attempt, took_ms, status, why)
    SELECT webhook_id, $2, $3, $4, $5, $6, $7, $8, $9 FROM first
), done AS (
    DELETE FROM deliveries USING first
    WHERE deliveries.webhook_id = first.webhook_id AND number = $2 AND ordinal = $3
)
UPDATE webhooks SET given_up = 0 FROM first WHERE webhooks.webhook_id = first.webhook_id AND given_up > 0
"""


async def insert(connection: Connection, target: Target, types: Sequence[str], description: str) -> datetime:
    """Insert a webhook; returns when it was created."""
    created_at: datetime = await connection.fetchval(
        "INSERT INTO webhooks (webhook_id, url, secret, types, description) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING created_at",
        *target,
        types,
        description,
    )
    return created_at


async def delete(connection: Connection, webhook_id: str) -> dict[str, Any] | None:
    """Delete a webhook and its pending deliveries; returns what it was, or None."""
    row = await connection.fetchrow(
        "DELETE FROM webhooks WHERE webhook_id = $1 RETURNING url, types, description", webhook_id
    )
    return dict(row) if row else None


async def select(postgres: asyncpg.Pool, *, limit: int, offset: int) -> tuple[list[Webhook], int]:
    """One page of the webhooks, oldest first, and how many there are."""
    rows = await postgres.fetch(_SELECT, limit, offset, None, timeout=60)
    return [Webhook(*row) for row in rows], await postgres.fetchval("SELECT count(*) FROM webhooks")


async def select_one(postgres: asyncpg.Pool, webhook_id: str) -> Webhook | None:
    """The webhook, or None."""
    row = await postgres.fetchrow(_SELECT, 1, 0, webhook_id, timeout=60)
    return Webhook(*row) if row else None


async def targets(postgres: asyncpg.Pool) -> list[Target]:
    """All webhooks that are not disabled."""
    rows = await postgres.fetch("SELECT webhook_id, url, secret FROM webhooks WHERE disabled_at IS NULL")
    return [Target(*row) for row in rows]


async def claim(postgres: asyncpg.Pool, webhook_id: str, limit: int) -> list[Delivery]:
    """Claim due deliveries for this worker. Several workers may do this at once."""
    rows = await postgres.fetch(_CLAIM, webhook_id, limit)
    return [
        Delivery(
            row["number"],
            row["ordinal"],
            row["attempts"],
            Notice(row["notice_id"], row["type"], row["at"], row["data"]),
            row["traceparent"],
        )
        for row in rows
    ]


async def record_delivery(
    postgres: asyncpg.Pool, webhook_id: str, delivery: Delivery, answer: Answer
) -> None:
    """Record that the delivery was accepted."""
    notice = delivery.notice
    await postgres.execute(
        _DELIVERED,
        *(webhook_id, delivery.number, delivery.ordinal, notice.notice_id, notice.type, delivery.attempts),
        *answer,
    )


async def record_failure(
    postgres: asyncpg.Pool,
    webhook_id: str,
    delivery: Delivery,
    retry_after_s: float,
    answer: Answer,
    *,
    give_up: bool = False,
) -> tuple[bool, bool]:
    """Record that the delivery failed: retry later, or give up after a day at the latest.

    Returns whether it was given up, and whether the webhook is disabled now.
    """
    row = await postgres.fetchrow(
        _FAILED,
        *(webhook_id, delivery.number, delivery.ordinal, retry_after_s, answer.why),
        *(delivery.notice.notice_id, delivery.notice.type, delivery.attempts, answer.took_ms, answer.status),
        give_up,
    )
    return (row["given_up"], row["disabled"]) if row else (False, False)


async def disable(postgres: asyncpg.Pool, webhook_id: str) -> None:
    """Disable the webhook. Due deliveries are given up, until a replay sends them."""
    await postgres.execute(
        """
        WITH disabled AS (
            UPDATE webhooks SET disabled_at = coalesce(disabled_at, now()) WHERE webhook_id = $1
            RETURNING webhook_id
        )
        UPDATE deliveries SET given_up_at = now() FROM disabled
        WHERE deliveries.webhook_id = disabled.webhook_id AND given_up_at IS NULL
        """,
        webhook_id,
    )


async def enable(connection: Connection, webhook_id: str) -> bool:
    """Enable the webhook; False if there is no such webhook."""
    done = await connection.execute(
        "UPDATE webhooks SET disabled_at = NULL, given_up = 0 WHERE webhook_id = $1", webhook_id
    )
    return done == "UPDATE 1"


async def deliver_given_up(connection: Connection, webhook_id: str) -> int:
    """Make given-up deliveries due again; returns how many."""
    done = await connection.execute(
        "UPDATE deliveries SET attempts = 0, due_at = now(), created_at = now(), given_up_at = NULL "
        "WHERE webhook_id = $1 AND given_up_at IS NOT NULL",
        webhook_id,
        timeout=60,
    )
    return int(done.rpartition(" ")[2])


async def deliver_again(connection: Connection, webhook_id: str, since: datetime) -> int:
    """Make all stored events it wants since then due again; returns how many."""
    done = await connection.execute(_AGAIN, webhook_id, since, timeout=60)
    return int(done.rpartition(" ")[2])


async def pending(postgres: asyncpg.Pool) -> int:
    """The number of pending deliveries, over all webhooks."""
    count: int = await postgres.fetchval("SELECT count(*) FROM deliveries WHERE given_up_at IS NULL")
    return count
