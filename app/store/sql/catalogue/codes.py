"""SQL of access and discount codes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, NamedTuple

from app.core.catalogue.codes import CodeSet, CodeUse, code_field, set_field
from app.core.model import EventId
from app.store.connections import Connection, Queries
from app.store.sql.waiting_room.rooms import readable

CHUNK = 1_000  # fields of Redis per chunk
INSERT_CHUNK = 10_000
LONG_S = 60.0

_TERMS = "set_id, name, uses_max, percent, off_ticket, off_order, ticket_types, active, wanted, " + ", ".join(
    readable(it) for it in ("valid_from", "valid_until")
)


class CodeBalance(NamedTuple):
    """A code's counter beside the number of live reservations that use it."""

    code: str
    uses_max: int
    used: int
    rows: int


async def insert_set(
    connection: Connection, event_id: EventId, code_set: CodeSet, *, wanted: int, prefix: str
) -> None:
    """Insert a set, without its codes."""
    await connection.execute(
        "INSERT INTO code_sets (event_id, set_id, name, uses_max, percent, off_ticket, off_order, "
        "ticket_types, valid_from, valid_until, wanted, prefix) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        event_id,
        *(code_set.set_id, code_set.name, code_set.uses_max),
        *(code_set.percent, code_set.off_ticket, code_set.off_order),
        *(code_set.ticket_types, code_set.valid_from, code_set.valid_until, wanted, prefix),
    )


async def insert_codes(
    connection: Connection, event_id: EventId, code_set: CodeSet, codes: Collection[str]
) -> list[str]:
    """Insert codes of a set; returns those that are new to the event."""
    ordered, new = sorted(codes), list[str]()
    for first in range(0, len(ordered), INSERT_CHUNK):
        rows = await connection.fetch(
            "INSERT INTO codes (event_id, set_id, uses_max, code) SELECT $1, $2, $3, unnest($4::text[]) "
            "ON CONFLICT DO NOTHING RETURNING code",
            *(event_id, code_set.set_id, code_set.uses_max, ordered[first : first + INSERT_CHUNK]),
            timeout=LONG_S,
        )
        new += [row["code"] for row in rows]
    return new


async def prefix_of(queries: Queries, event_id: EventId, set_id: str) -> str:
    """The prefix of a set's codes."""
    prefix: str | None = await queries.fetchval(
        "SELECT prefix FROM code_sets WHERE event_id = $1 AND set_id = $2", event_id, set_id
    )
    return prefix or ""


async def count(queries: Queries, event_id: EventId) -> tuple[int, int]:
    """The number of sets, and of codes, of an event."""
    row = await queries.fetchrow(
        "SELECT (SELECT count(*) FROM code_sets WHERE event_id = $1), "
        "(SELECT coalesce(sum(wanted), 0)::bigint FROM code_sets WHERE event_id = $1)",
        event_id,
    )
    assert row is not None
    return row[0], row[1]


async def exists(queries: Queries, event_id: EventId) -> bool:
    """Whether an event has any active set."""
    exists_already: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM code_sets WHERE event_id = $1 AND active)", event_id
    )
    return exists_already


async def select_sets(queries: Queries, event_id: EventId, set_id: str | None = None) -> list[CodeSet]:
    """The sets of an event, or one of them, newest first, with their counts."""
    rows = await queries.fetch(
        f"""
        SELECT {_TERMS}, coalesce(made, 0) AS made, coalesce(used, 0) AS used, example
        FROM code_sets LEFT JOIN (
            SELECT set_id, count(*) AS made, sum(used)::bigint AS used,
                   CASE count(*) WHEN 1 THEN min(code) ELSE '' END AS example
            FROM codes WHERE event_id = $1 AND ($2::text IS NULL OR set_id = $2) GROUP BY set_id
        ) AS counted USING (set_id)
        WHERE event_id = $1 AND ($2::text IS NULL OR set_id = $2) ORDER BY created_at DESC, set_id
        """,
        event_id,
        set_id,
        timeout=LONG_S,
    )
    return [_set(row, row["made"], row["used"], row["example"] or "") for row in rows]


def _set(row: Any, created: int = 0, used: int = 0, example: str = "") -> CodeSet:
    terms = {name: row[name] for name in CodeSet.__struct_fields__ if name not in ("made", "used", "example")}
    return CodeSet(**terms, made=created, used=used, example=example)


async def find(queries: Queries, event_id: EventId, code: str) -> tuple[CodeSet, CodeUse] | None:
    """A code, and its set."""
    row = await queries.fetchrow(
        f"SELECT {_TERMS.replace('active', 'code_sets.active').replace('uses_max', 'code_sets.uses_max')}, "
        "codes.used, codes.active AS on FROM codes JOIN code_sets USING (event_id, set_id) "
        "WHERE event_id = $1 AND code = $2",
        event_id,
        code,
    )
    if row is None:
        return None
    return _set(row), CodeUse(code=code, uses_max=row["uses_max"], used=row["used"], active=row["on"])


async def used_up(queries: Queries, event_id: str, codes: Collection[str]) -> set[str]:
    """Those of these codes that are used up."""
    rows = await queries.fetch(
        "SELECT code FROM codes WHERE event_id = $1 AND code = ANY($2) AND used >= uses_max",
        *(event_id, list(codes)),
    )
    return {row["code"] for row in rows}


async def select_codes(
    queries: Queries, event_id: EventId, set_id: str, *, text: str = "", limit: int, offset: int
) -> tuple[list[CodeUse], int]:
    """A page of a set's codes in order, filtered by a part of the code; and how many match."""
    matching = "FROM codes WHERE event_id = $1 AND set_id = $2 AND strpos(code, $3) > 0"
    total: int = await queries.fetchval(f"SELECT count(*) {matching}", event_id, set_id, text)
    rows = await queries.fetch(
        f"SELECT code, uses_max, used, active {matching} ORDER BY code LIMIT $4 OFFSET $5",
        *(event_id, set_id, text, limit, offset),
    )
    return [CodeUse(**dict(row.items())) for row in rows], total


async def codes_after(queries: Queries, event_id: EventId, set_id: str, after: str) -> list[CodeUse]:
    """The next codes of a set in order."""
    rows = await queries.fetch(
        "SELECT code, uses_max, used, active FROM codes WHERE event_id = $1 AND set_id = $2 AND code > $3 "
        "ORDER BY code LIMIT $4",
        *(event_id, set_id, after, CHUNK),
    )
    return [CodeUse(**dict(row.items())) for row in rows]


async def switch_set(connection: Connection, event_id: EventId, set_id: str, active: bool) -> bool | None:
    """Switch a set on or off; returns its previous state, None if there is none."""
    was: bool | None = await connection.fetchval(
        "SELECT active FROM code_sets WHERE event_id = $1 AND set_id = $2 FOR UPDATE", event_id, set_id
    )
    await connection.execute(
        "UPDATE code_sets SET active = $3 WHERE event_id = $1 AND set_id = $2", event_id, set_id, active
    )
    return was


async def switch_code(
    connection: Connection, event_id: EventId, set_id: str, code: str, active: bool
) -> bool | None:
    """Switch one code on or off; returns its previous state, None if there is none."""
    of = event_id, set_id, code
    was: bool | None = await connection.fetchval(
        "SELECT active FROM codes WHERE event_id = $1 AND set_id = $2 AND code = $3 FOR UPDATE", *of
    )
    await connection.execute(
        "UPDATE codes SET active = $4 WHERE event_id = $1 AND set_id = $2 AND code = $3", *of, active
    )
    return was


async def fields(
    queries: Any, event_id: EventId, set_id: str | None = None
) -> AsyncIterator[list[tuple[str, str]]]:
    """The fields of Redis for an event's codes, or those of one set, in chunks; sets before their codes."""
    chosen = "event_id = $1 AND ($2::text IS NULL OR set_id = $2)"
    rows = await queries.fetch(f"SELECT {_TERMS} FROM code_sets WHERE {chosen}", event_id, set_id)
    if not rows:
        return
    yield [set_field(_set(row)) for row in rows]
    after = ""
    while rows := await queries.fetch(
        f"SELECT code, set_id, active FROM codes WHERE {chosen} AND code > $3 ORDER BY code LIMIT $4",
        *(event_id, set_id, after, CHUNK),
        timeout=LONG_S,
    ):
        yield [code_field(row["code"], row["set_id"], row["active"]) for row in rows]
        after = rows[-1]["code"]


async def balances(queries: Queries, event_id: EventId) -> list[CodeBalance]:
    """The codes in use: counters beside the rows, at one moment."""
    rows = await queries.fetch(
        """
        SELECT code, coalesce(uses_max, 0), coalesce(used, 0), coalesce(live.rows, 0)
        FROM (SELECT code, uses_max, used FROM codes WHERE event_id = $1 AND used > 0) AS counted
        FULL JOIN (
            SELECT used_code AS code, count(*) AS rows FROM reservations
            WHERE event_id = $1 AND used_code IS NOT NULL AND status IN ('held', 'paying', 'confirmed')
            GROUP BY 1
        ) AS live USING (code)
        """,
        event_id,
        timeout=LONG_S,
    )
    return [CodeBalance(*row) for row in rows]
