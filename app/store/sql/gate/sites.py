"""SQL of site rules, which map a site's requests to rooms."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.gate.sites import RULES_MAX, SiteRule
from app.store.connections import Connection, Queries


async def select_rules(queries: Queries) -> list[SiteRule]:
    """All rules."""
    rows = await queries.fetch(
        "SELECT host, path_prefix, method, room_id FROM sites ORDER BY host, path_prefix, method LIMIT $1",
        RULES_MAX,
    )
    return [SiteRule(**row) for row in rows]


async def lock_rules(connection: Connection) -> None:
    """Lock the rules against changes by others until the transaction ends."""
    await connection.execute("LOCK TABLE sites IN SHARE ROW EXCLUSIVE MODE")


async def unknown_rooms(connection: Connection, room_ids: Sequence[str]) -> set[str]:
    """The rooms among these that do not exist; the others are locked against deletion until the
    transaction ends."""
    rows = await connection.fetch(
        "SELECT room_id FROM rooms WHERE room_id = ANY($1::text[]) FOR KEY SHARE", list(set(room_ids))
    )
    return set(room_ids) - {row["room_id"] for row in rows}


async def replace_rules(connection: Connection, rules: Sequence[SiteRule]) -> None:
    """Replace all rules."""
    await connection.execute("DELETE FROM sites")
    await connection.execute(
        "INSERT INTO sites (host, path_prefix, method, room_id) "
        "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])",
        [it.host for it in rules],
        [it.path_prefix for it in rules],
        [it.method for it in rules],
        [it.room_id for it in rules],
    )
