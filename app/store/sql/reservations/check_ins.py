"""SQL of the door: one statement for the scans sent by a device, whatever other devices send at the same
time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.core.catalogue.seating import seat_words
from app.core.reservations.check_ins import HASH_BYTES, LATE_S, Checked, Result, Scan, TypeCount
from app.store.connections import Connection, Queries

OVERLAP_S = 10  # news are repeated for this long: rows recorded first may be committed last


class CheckedInTicket(NamedTuple):
    """A checked-in ticket, as devices store it; `first` None: the check-in was undone."""

    hash: str
    first: Checked | None


_FIRST = ("scan_id", "scanned_at", "subject", "device", "recorded_at")
# The earliest scan wins; among scans without a time, which are answered while the holder waits, the one
# recorded first, because its device has let the holder in by then. Unchanged rows are written, too: only so
# does the statement see what another device committed since this statement started. Tickets are locked in a
# fixed order.
_EARLIER = "excluded.scanned_at < it.scanned_at AND excluded.scan_id = ANY($7::text[])"
_RECORD = f"""
WITH scans AS MATERIALIZED (
    SELECT scan_id, code, device, nr,
           greatest(least(coalesce(at, now()), now()), now() - make_interval(secs => {LATE_S})) AS at
    FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[])
         WITH ORDINALITY AS it (scan_id, code, at, device, nr)
), found AS MATERIALIZED (
    SELECT scans.*, ticket_id, ticket_type_id, seat_id, reservation_id, holder_name, reservations.event_id,
           EXISTS (SELECT FROM undone_scans WHERE undone_scans.scan_id = scans.scan_id) AS undone
    FROM scans LEFT JOIN tickets USING (code) LEFT JOIN reservations USING (reservation_id)
), before AS MATERIALIZED (
    SELECT * FROM check_ins WHERE ticket_id IN (SELECT ticket_id FROM found WHERE event_id = $1)
), first AS (
    INSERT INTO check_ins AS it (ticket_id, event_id, ticket_type_id, scan_id, scanned_at, subject, device)
    SELECT DISTINCT ON (ticket_id) ticket_id, event_id, ticket_type_id, scan_id, at, $6, device
    FROM found WHERE event_id = $1 AND NOT undone ORDER BY ticket_id, at, nr
    ON CONFLICT (ticket_id) DO UPDATE SET {
    ", ".join(f"{name} = CASE WHEN {_EARLIER} THEN excluded.{name} ELSE it.{name} END" for name in _FIRST)
}
    RETURNING it.*
)
SELECT found.scan_id,
       CASE WHEN found.event_id = $1 AND found.undone THEN 'undone'
            WHEN found.event_id = $1 AND first.scan_id = found.scan_id THEN 'checked_in'
            WHEN found.event_id = $1 THEN 'already'
            WHEN gone.event_id = $1 THEN 'void'
            WHEN coalesce(found.event_id, gone.event_id) IS NOT NULL THEN 'other_sale'
            ELSE 'unknown' END AS verdict,
       coalesce(ticket_types.name, '') AS ticket_type, found.seat_id,
       coalesce(nullif(found.holder_name, ''), buyers.name, '') AS name,
       coalesce((SELECT name FROM events
                 WHERE event_id = coalesce(found.event_id, gone.event_id)), '') AS sale,
       first.scanned_at, coalesce(one.name, first.subject) AS by, first.device,
       before.scan_id AS before_id, before.scanned_at AS before_at,
       coalesce(other.name, before.subject) AS before_by, before.device AS before_device
FROM found LEFT JOIN first USING (ticket_id) LEFT JOIN before USING (ticket_id)
     LEFT JOIN (void_codes JOIN reservations USING (reservation_id)) AS gone ON gone.code = found.code
     LEFT JOIN ticket_types ON ticket_types.event_id = $1
                           AND ticket_types.ticket_type_id = found.ticket_type_id
     LEFT JOIN buyers ON buyers.reservation_id = found.reservation_id
     LEFT JOIN accounts one ON one.account_id = first.subject
     LEFT JOIN accounts other ON other.account_id = before.subject
ORDER BY nr
"""

_UNDO = """
WITH gone AS (
    DELETE FROM check_ins WHERE event_id = $1 AND scan_id = $2 RETURNING scan_id, event_id, ticket_id
), noted AS (
    INSERT INTO undone_scans (scan_id, event_id, ticket_id) SELECT * FROM gone
    ON CONFLICT DO NOTHING RETURNING ticket_id
)
SELECT ticket_id, true FROM noted
UNION ALL SELECT ticket_id, false FROM undone_scans WHERE event_id = $1 AND scan_id = $2
"""

_COUNTS = """
SELECT name, sold, coalesce(seen.count, 0)
FROM ticket_types
     LEFT JOIN (SELECT ticket_type_id, count(*) FROM check_ins WHERE event_id = $1 GROUP BY 1) AS seen
     USING (ticket_type_id)
WHERE event_id = $1 ORDER BY created_at, ticket_type_id
"""
_HASH = f"encode(substr(sha256(convert_to($1 || ':' || code, 'UTF8')), 1, {HASH_BYTES}), 'hex')"


async def record(
    queries: Queries, event_id: str, device: str, scans: Sequence[Scan], codes: Sequence[str], by: str
) -> list[Result]:
    """Check in the tickets with these codes; returns the result of each scan, in order."""
    rows = await queries.fetch(
        _RECORD,
        *(event_id, [it.scan_id for it in scans], list(codes), [it.at for it in scans]),
        *([device] * len(scans), by, [it.scan_id for it in scans if it.at is not None]),
    )
    return [_result(row) for row in rows]


def _result(row: asyncpg.Record) -> Result:
    verdict, scan_id, before_id = row["verdict"], row["scan_id"], row["before_id"]
    accepted = verdict in ("checked_in", "already")
    displaced = verdict == "checked_in" and before_id not in (None, scan_id)
    return Result(
        scan_id=scan_id,
        verdict=verdict,
        ticket_type=row["ticket_type"] if accepted else "",
        seat=seat_words(row["seat_id"]) if accepted and row["seat_id"] else "",
        name=row["name"] if accepted else "",
        sale=row["sale"] if verdict == "other_sale" else "",
        first=Checked(at=row["scanned_at"], by=row["by"], device=row["device"]) if accepted else None,
        also=Checked(at=row["before_at"], by=row["before_by"], device=row["before_device"])
        if displaced
        else None,
    )


async def undo(connection: Connection, event_id: str, scan_id: str) -> tuple[str, bool] | None:
    """Undo a check-in; returns the ticket, and whether it was not undone before. None if the scan checked
    none in."""
    row = await connection.fetchrow(_UNDO, event_id, scan_id)
    return (row[0], row[1]) if row else None


async def counts(queries: Queries, event_id: str) -> list[TypeCount]:
    """The tickets of each type that were sold, and how many of them were checked in."""
    rows = await queries.fetch(_COUNTS, event_id)
    return [TypeCount(name=row[0], tickets=row[1], checked_in=row[2]) for row in rows]


async def news(queries: Queries, event_id: str, after: datetime, limit: int) -> list[CheckedInTicket]:
    """What was checked in or undone since then, and a few seconds before; if more than `limit`, the
    latest."""
    rows = await queries.fetch(
        f"""
        SELECT {_HASH}, scanned_at, coalesce(accounts.name, subject), device FROM (
            SELECT code, scanned_at, subject, device, recorded_at AS at
            FROM check_ins JOIN tickets USING (ticket_id)
            WHERE event_id = $1 AND recorded_at > $2
            UNION ALL
            SELECT code, NULL, NULL, NULL, undone_at FROM undone_scans JOIN tickets USING (ticket_id)
            WHERE event_id = $1 AND undone_at > $2 AND ticket_id NOT IN (SELECT ticket_id FROM check_ins)
            ORDER BY at DESC LIMIT $3) AS it LEFT JOIN accounts ON account_id = subject
        """,
        *(event_id, after, limit),
    )
    return [
        CheckedInTicket(row[0], Checked(at=row[1], by=row[2], device=row[3]) if row[1] else None)
        for row in rows
    ]


async def hashes(queries: Queries, event_id: str, limit: int) -> list[tuple[str, str]]:
    """What devices store of a sale's tickets, each with its type."""
    rows = await queries.fetch(
        f"SELECT {_HASH}, ticket_type_id FROM tickets JOIN reservations USING (reservation_id) "
        "WHERE event_id = $1 ORDER BY 1 LIMIT $2",
        *(event_id, limit),
        timeout=60,
    )
    return [(row[0], row[1]) for row in rows]
