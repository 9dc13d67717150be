"""SQL of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import msgspec

from app.core.account import AUTOPILOT, Author
from app.store.connections import Connection, Queries

Fields = dict[str, Any]


class Change(NamedTuple):
    """A change to something; the fields before and after, None if it did not exist."""

    action: str
    kind: str
    id: str
    before: Fields | None
    after: Fields | None


class Entry(NamedTuple):
    """A row of the log; `name` is that of the account, None for a subject without one."""

    audit_id: int
    changed_at: datetime
    subject: str
    role: str
    name: str | None
    request_id: str
    change: Change


class AuditFilter(NamedTuple):
    """Which rows; None matches any. `who`: a subject, or the e-mail of an account."""

    kind: str | None = None
    id: str | None = None
    who: str | None = None
    changed_from: datetime | None = None
    changed_to: datetime | None = None
    not_who: str | None = None  # a subject


async def insert_change(connection: Connection, by: Author, change: Change) -> None:
    """Write a row, in the transaction of the change that it records."""
    await connection.execute(
        "INSERT INTO audit (subject, role, request_id, action, kind, id, before, after) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        *(by.subject, by.role, by.request_id, change.action, change.kind, change.id),
        *(_document(change.before), _document(change.after)),
    )


async def select_entries(
    postgres: asyncpg.Pool, criteria: AuditFilter, *, limit: int, offset: int
) -> tuple[list[Entry], int]:
    """One page of the log, newest first, and how many rows match in total."""
    rows = await postgres.fetch(
        """
        SELECT audit_id, changed_at, subject, audit.role, accounts.name, request_id, action, kind, id,
               before, after, count(*) OVER () AS matching
        FROM audit LEFT JOIN accounts ON account_id = subject
        WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR id = $2)
          AND ($3::text IS NULL
               OR subject IN ($3, (SELECT account_id FROM accounts WHERE email = lower($3))))
          AND ($4::timestamptz IS NULL OR changed_at >= $4)
          AND ($5::timestamptz IS NULL OR changed_at <= $5)
          AND ($6::text IS NULL OR subject <> $6)
        ORDER BY audit_id DESC LIMIT $7 OFFSET $8
        """,
        *criteria,
        limit,
        offset,
    )
    if not rows and offset:
        _, total = await select_entries(postgres, criteria, limit=1, offset=0)
        return [], total
    return [entry(row) for row in rows], rows[0]["matching"] if rows else 0


async def select_of_sale(queries: Queries, room_id: str, event_id: str, limit: int) -> list[Entry]:
    """The last changes by staff to a sale's event, room and ticket types, newest first."""
    rows = await queries.fetch(
        """
        SELECT audit_id, changed_at, subject, audit.role, accounts.name, request_id, action, kind, id,
               before, after
        FROM audit LEFT JOIN accounts ON account_id = subject
        WHERE subject <> $3 AND ((kind = 'room' AND id = $1) OR (kind = 'event' AND id = $2)
           OR (kind = 'ticket_type' AND starts_with(id, $2 || '/')))
        ORDER BY audit_id DESC LIMIT $4
        """,
        *(room_id, event_id, AUTOPILOT.subject, limit),
    )
    return [entry(row) for row in rows]


def entry(row: asyncpg.Record) -> Entry:
    before, after = (msgspec.json.decode(text) if text else None for text in (row["before"], row["after"]))
    return Entry(
        audit_id=row["audit_id"],
        changed_at=row["changed_at"],
        subject=row["subject"],
        role=row["role"],
        name=row["name"],
        request_id=row["request_id"],
        change=Change(row["action"], row["kind"], row["id"], before, after),
    )


def _document(fields: Fields | None) -> str | None:
    return None if fields is None else msgspec.json.encode(fields).decode()
