"""SQL of alerts: open and past ones, the settings of the rules, recipients of e-mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg

from app.core.monitoring.alert_rules import Severity
from app.core.monitoring.alerts import Firing, Key, Setting, Settings
from app.store.connections import Connection, Queries

WATCH_S = 6.0  # a worker that has not renewed its watch for this long has lost it
TEXTS_EVERY_S = 10
OPEN_MAX = 200

AlertState = Literal["open", "ended"]


class Alert(NamedTuple):
    """An open or past alert."""

    alert_id: int
    rule: str
    room_id: str | None  # None: it concerns the whole installation
    room_name: str
    subject: str
    severity: Severity
    text: str
    since: datetime
    started_at: datetime
    ended_at: datetime | None
    acknowledged_by: str | None  # a subject
    acknowledged_name: str | None  # of its account, if it has one
    acknowledged_at: datetime | None

    @property
    def key(self) -> Key:
        """Its subject."""
        return Key(self.rule, self.room_id or "", self.subject)


_ALERTS = """
SELECT alert_id, rule, alerts.room_id, coalesce(rooms.settings ->> 'name', '') AS room_name, subject,
       severity, text, since, started_at, ended_at,
       acknowledged_by, accounts.name AS acknowledged_name, acknowledged_at
FROM alerts LEFT JOIN rooms USING (room_id) LEFT JOIN accounts ON account_id = acknowledged_by
"""
# Urgent ones first, then the latest.
_OPEN = f"{_ALERTS} WHERE ended_at IS NULL ORDER BY severity, started_at DESC, alert_id DESC LIMIT {OPEN_MAX}"
_PAGE = (
    f"{_ALERTS} WHERE ($1::text IS NULL OR (ended_at IS NULL) = ($1 = 'open')) "
    "AND ($2::text IS NULL OR alerts.room_id = $2) ORDER BY alert_id DESC LIMIT $3 OFFSET $4"
)

# A room may have been deleted since it was examined.
_START = """
INSERT INTO alerts (rule, room_id, subject, severity, text, since)
SELECT rule, nullif(it.room_id, ''), subject, severity, text, to_timestamp(since_ms / 1000.0)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
     AS it (rule, room_id, subject, severity, text, since_ms)
WHERE it.room_id = '' OR EXISTS (SELECT FROM rooms WHERE rooms.room_id = it.room_id)
ON CONFLICT (rule, coalesce(room_id, ''), subject) WHERE ended_at IS NULL DO NOTHING
"""
_END = """
UPDATE alerts SET ended_at = now()
FROM unnest($1::text[], $2::text[], $3::text[]) AS it (rule, room_id, subject)
WHERE alerts.rule = it.rule AND coalesce(alerts.room_id, '') = it.room_id AND alerts.subject = it.subject
  AND ended_at IS NULL
"""
_TEXTS = """
UPDATE alerts SET text = it.text
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS it (rule, room_id, subject, text)
WHERE alerts.rule = it.rule AND coalesce(alerts.room_id, '') = it.room_id AND alerts.subject = it.subject
  AND ended_at IS NULL AND alerts.text <> it.text
"""


async def take_watch(postgres: asyncpg.Pool, worker_id: str) -> bool:
    """Whether this worker evaluates the rules for the next seconds; one at a time does."""
    taken = await postgres.fetchval(
        """
        INSERT INTO alert_watch (worker_id, until) VALUES ($1, now() + make_interval(secs => $2))
        ON CONFLICT (one) DO UPDATE SET worker_id = excluded.worker_id, until = excluded.until
        WHERE alert_watch.worker_id = excluded.worker_id OR alert_watch.until < now()
        RETURNING true
        """,
        *(worker_id, WATCH_S),
    )
    return bool(taken)


async def leave_watch(postgres: asyncpg.Pool, worker_id: str) -> None:
    """Stop evaluating the rules on this worker."""
    await postgres.execute("DELETE FROM alert_watch WHERE worker_id = $1", worker_id)


async def select_open(queries: Queries) -> list[Alert]:
    """The alerts that have not ended, the urgent ones first."""
    return [Alert(*row) for row in await queries.fetch(_OPEN)]


async def select_page(
    queries: Queries, state: AlertState | None, room_id: str | None, *, limit: int, offset: int
) -> tuple[list[Alert], int]:
    """One page of the alerts, the latest first, and how many match."""
    rows = await queries.fetch(_PAGE, state, room_id, limit, offset)
    total: int = await queries.fetchval(
        "SELECT count(*) FROM alerts WHERE ($1::text IS NULL OR (ended_at IS NULL) = ($1 = 'open')) "
        "AND ($2::text IS NULL OR room_id = $2)",
        *(state, room_id),
    )
    return [Alert(*row) for row in rows], total


async def select_one(queries: Queries, alert_id: int) -> Alert | None:
    """The alert, or None."""
    row = await queries.fetchrow(f"{_ALERTS} WHERE alert_id = $1", alert_id)
    return Alert(*row) if row else None


async def start(queries: Queries, firing: Sequence[Firing]) -> None:
    """Start alerts, unless they are open already. A trigger writes the outbox."""
    columns = [(*it.key, it.severity, it.text, it.since_ms) for it in firing]
    await queries.execute(_START, *(list(column) for column in zip(*columns, strict=True)))


async def end(queries: Queries, keys: Sequence[Key]) -> None:
    """End alerts. A trigger writes the outbox."""
    await queries.execute(_END, *(list(column) for column in zip(*keys, strict=True)))


async def describe(queries: Queries, texts: Mapping[Key, str]) -> None:
    """Update the figures of open alerts."""
    columns = [(*key, text) for key, text in texts.items()]
    await queries.execute(_TEXTS, *(list(column) for column in zip(*columns, strict=True)))


async def acknowledge(connection: Connection, alert_id: int, subject: str) -> bool:
    """Record that somebody has acknowledged it; False if somebody had, it has ended, or does not exist."""
    done = await connection.execute(
        "UPDATE alerts SET acknowledged_by = $2, acknowledged_at = now() "
        "WHERE alert_id = $1 AND acknowledged_at IS NULL AND ended_at IS NULL",
        *(alert_id, subject),
    )
    return done == "UPDATE 1"


async def select_settings(queries: Queries) -> Settings:
    """The rules' settings by staff."""
    rows = await queries.fetch("SELECT coalesce(room_id, ''), rule, enabled, threshold FROM alert_rules")
    return {(room_id, rule): Setting(enabled, threshold) for room_id, rule, enabled, threshold in rows}


async def set_rule(connection: Connection, room_id: str, rule: str, to: Setting | None) -> Setting | None:
    """Set a rule for a room, or for all (""); None: remove the setting. Returns the previous setting."""
    row = await connection.fetchrow(
        "DELETE FROM alert_rules WHERE coalesce(room_id, '') = $1 AND rule = $2 RETURNING enabled, threshold",
        *(room_id, rule),
    )
    if to is not None:
        await connection.execute(
            "INSERT INTO alert_rules (rule, room_id, enabled, threshold) VALUES ($1, nullif($2, ''), $3, $4)",
            *(rule, room_id, *to),
        )
    return Setting(*row) if row else None


async def lock_rules(connection: Connection) -> None:
    """Lock the rules against changes by others until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('fairgate alert rules'))")


async def mailing_of(queries: Queries, account_id: str) -> Severity | None:
    """The lowest severity this account gets e-mails for; None: it gets none."""
    severity: Severity | None = await queries.fetchval(
        "SELECT severity FROM alert_mailing WHERE account_id = $1", account_id
    )
    return severity


async def set_mailing(connection: Connection, account_id: str, severity: Severity | None) -> bool:
    """Send an account e-mails from this severity on, or none (None). False: there is no such account."""
    await connection.execute("DELETE FROM alert_mailing WHERE account_id = $1", account_id)
    if severity is None:
        return True
    done = await connection.execute(
        "INSERT INTO alert_mailing (account_id, severity) "
        "SELECT account_id, $2 FROM accounts WHERE account_id = $1",
        *(account_id, severity),
    )
    return done == "INSERT 0 1"


async def recipients(queries: Queries) -> int:
    """How many accounts get e-mails about urgent alerts."""
    count: int = await queries.fetchval(
        "SELECT count(*) FROM alert_mailing JOIN accounts USING (account_id) "
        "WHERE role IN ('operator', 'admin')"
    )
    return count
