"""The audit log: who of the staff changed what and when, with the values before and after."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from app.core.account import Author
from app.core.clock import in_zone
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql import audit
from app.store.sql.audit import AuditFilter, Change, Entry, Fields


class Entity(NamedTuple):
    """What was changed. Nested ids have both parts: `gala/floor`."""

    kind: str
    id: str


async def record(
    connection: Connection,
    by: Author,
    action: str,
    entity: Entity,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """Record a change in the transaction that makes it, so that both are committed or neither.

    Of a changed entity only the fields that differ are stored, and nothing if none does. Without `before` it
    was created; without `after` it was deleted. Fields have the values of the structs, and never a secret.
    """
    if before is not None and after is not None:
        names = [name for name in after if before.get(name) != after[name]]
        if not names:
            return
        before = {name: before.get(name) for name in names}
        after = {name: after[name] for name in names}
    await audit.insert_change(connection, by, Change(action, *entity, _in_utc(before), _in_utc(after)))


async def entries(
    stores: Stores, criteria: AuditFilter, *, limit: int, offset: int
) -> tuple[list[Entry], int]:
    """Return one page of the log, newest first, and how many rows match."""
    with stores_answer():
        return await audit.select_entries(stores.postgres, criteria, limit=limit, offset=offset)


def _in_utc(fields: Fields | None) -> Fields | None:
    def value(content: Any) -> Any:
        return in_zone(content) if isinstance(content, datetime) else content

    return None if fields is None else {name: value(it) for name, it in fields.items()}
