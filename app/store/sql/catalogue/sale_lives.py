"""SQL of the life of a sale: its copy, its rehearsal, the archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.core.model import EventId, RoomId
from app.store.connections import Connection, Queries

LONG_S = 60.0  # a sale may have a hundred thousand seats
# The tables copied with a sale, by `event_id`, with the columns that are reset. Other tables that refer to an
# event or its room belong to its visitors, or are created again (`tests/store/test_sale_copies.py`).
COPIED: dict[str, dict[str, Any]] = {
    "ticket_types": {"held": 0, "sold": 0},
    "seats": {},
    "seat_holds": {},  # only those of staff: see OF_STAFF
    "refund_limits": {},
}
OF_STAFF = {"seat_holds": " AND kept_as IS NOT NULL"}  # restricts these tables to the rows of staff
PARENTS = ("reservations", "payments", "tickets")  # tables that visitors' rows refer to


class Life(NamedTuple):
    """Where a sale is in its life, in addition to the state of its room."""

    rehearsal_of: EventId | None = None
    rehearsed_at: datetime | None = None
    archived_at: datetime | None = None
    rehearsal: RoomId | None = None  # the room of its current rehearsal


class ForeignKey(NamedTuple):
    """A single-column foreign key between two tables."""

    name: str
    column: str
    refers_to: str


async def select_life(queries: Queries, event_id: EventId) -> Life:
    """The life of a sale."""
    row = await queries.fetchrow(
        """
        SELECT rehearsal_of, rehearsed_at, archived_at,
               (SELECT room_id FROM events AS it WHERE it.rehearsal_of = $1 LIMIT 1) AS rehearsal
        FROM events WHERE event_id = $1
        """,
        event_id,
    )
    return Life(*row) if row else Life()


async def is_archived(queries: Queries, room_id: RoomId) -> bool:
    """Whether the sale of this room is archived."""
    archived: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM events WHERE room_id = $1 AND archived_at IS NOT NULL)", room_id
    )
    return archived


async def is_rehearsal(queries: Queries, room_id: RoomId) -> bool:
    """Whether the sale of this room is a rehearsal."""
    rehearsal: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM events WHERE room_id = $1 AND rehearsal_of IS NOT NULL)", room_id
    )
    return rehearsal


async def set_archived(connection: Connection, event_id: EventId, archived: bool) -> None:
    """Archive the sale, or take it out of the archive."""
    await connection.execute(
        "UPDATE events SET archived_at = CASE WHEN $2 THEN now() END, revision = revision + 1 "
        "WHERE event_id = $1",
        event_id,
        archived,
    )


async def note_rehearsed(connection: Connection, rehearsal: EventId) -> None:
    """Record in the real sale that tickets were bought in its rehearsal, if they were."""
    await connection.execute(
        """
        UPDATE events SET rehearsed_at = bought.at FROM (
            SELECT rehearsal_of, max(confirmed_at) AS at FROM events AS it JOIN reservations USING (event_id)
            WHERE it.event_id = $1 AND confirmed_at IS NOT NULL GROUP BY rehearsal_of) AS bought
        WHERE events.event_id = bought.rehearsal_of
        """,
        rehearsal,
    )


async def copy_sale(
    connection: Connection, event_id: EventId, copy: EventId, changed: dict[str, Any]
) -> bool:
    """Copy an event with everything it sells, including columns added later; False if the id is taken.

    `changed`: columns of the event to override, as JSON values.
    """
    fields = msgspec.json.encode({**changed, "event_id": copy}).decode()
    made = await connection.fetchval(
        "INSERT INTO events SELECT (jsonb_populate_record(it, $2::jsonb)).* FROM events AS it "
        "WHERE event_id = $1 ON CONFLICT (event_id) DO NOTHING RETURNING event_id",
        event_id,
        fields,
    )
    if made is None:
        return False
    for table, anew in COPIED.items():
        await connection.execute(
            f"INSERT INTO {table} SELECT (jsonb_populate_record(it, $2::jsonb)).* FROM {table} AS it "
            f"WHERE event_id = $1{OF_STAFF.get(table, '')}",
            event_id,
            msgspec.json.encode({**anew, "event_id": copy}).decode(),
            timeout=LONG_S,
        )
    return True


async def copy_grants(connection: Connection, event_id: EventId, copy: EventId) -> None:
    """Copy everybody's role in the sale to its copy."""
    await connection.execute(
        "INSERT INTO sale_grants SELECT (jsonb_populate_record(it, $2::jsonb)).* FROM sale_grants AS it "
        "WHERE event_id = $1",
        event_id,
        msgspec.json.encode({"event_id": copy}).decode(),
    )


async def move_windows(connection: Connection, event_id: EventId, seconds: int) -> None:
    """Shift the sale windows of all ticket types."""
    await connection.execute(
        "UPDATE ticket_types SET sale_from = sale_from + $2 * interval '1 second', "
        "sale_until = sale_until + $2 * interval '1 second' WHERE event_id = $1",
        event_id,
        seconds,
    )


async def delete_people(connection: Connection, event_id: EventId) -> None:
    """Delete all reservations and purchases of an event, and everything that refers to them.

    Tables that refer to reservations, payments and tickets are found by their foreign keys.
    """
    await connection.execute(
        "DELETE FROM simulated_charges WHERE payment_id IN (SELECT payment_id FROM payments "
        "JOIN reservations USING (reservation_id) WHERE event_id = $1)",
        event_id,
        timeout=LONG_S,
    )
    await connection.execute("DELETE FROM undone_scans WHERE event_id = $1", event_id)  # has no foreign key
    rows = await connection.fetch(
        """
        SELECT conrelid::regclass::text, attname, confrelid::regclass::text
        FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE contype = 'f' AND cardinality(conkey) = 1 AND conrelid <> confrelid
        """
    )
    keys = [ForeignKey(*row) for row in rows]
    await _delete(connection, keys, "reservations", "event_id = $1", event_id)


async def _delete(
    connection: Connection, keys: list[ForeignKey], table: str, where: str, event_id: EventId
) -> None:
    """Delete rows after those that refer to them."""
    for key in keys:
        if key.refers_to == table:
            column = _KEYS.get(table, key.column)
            inner = f"{key.column} IN (SELECT {column} FROM {table} WHERE {where})"
            await _delete(connection, keys, key.name, inner, event_id)
    await connection.execute(f"DELETE FROM {table} WHERE {where}", event_id, timeout=LONG_S)


_KEYS = {"reservations": "reservation_id", "payments": "payment_id", "tickets": "ticket_id"}
