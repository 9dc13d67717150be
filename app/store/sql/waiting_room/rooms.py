"""SQL of rooms: their settings, the progress of the queue, the numbers that may be given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from app.core.clock import from_ms, to_ms
from app.core.model import EventId, Room, RoomId, RoomSettings, RoomStatus
from app.core.moments import EARLIEST, LATEST
from app.store.connections import Connection, Queries

DELETING_S = 60.0  # including everything that refers to it
PROGRESS_MAX = 100_000  # a day of seconds

_COLUMNS = """
    r.room_id, r.settings, r.state, r.version, r.epoch, r.seed, r.serving_position, r.numbers_reserved,
    r.opened_at, r.closed_at, r.unloaded_at, r.waiting_unloaded, r.generation, r.draw_root,
    r.draw_round, r.draw_signature,
    e.event_id, e.hold_ttl_s, e.max_tickets_per_visitor, e.currency
"""
_FROM = " FROM rooms r LEFT JOIN events e USING (room_id) "


def readable(column: str) -> str:
    """A SELECT expression for a time set by staff: Postgres may hold one that is not a valid datetime,
    which would make the whole row unreadable. Those are refused today (`core/moments.py`), but were not
    always."""
    least, most = f"'{EARLIEST.isoformat()}'::timestamptz", f"'{LATEST.isoformat()}'::timestamptz"
    name = column.rpartition(".")[2]
    return (
        f"CASE WHEN {column} < {least} THEN {least} WHEN {column} > {most} THEN {most} ELSE {column} END "
        f"AS {name}"
    )


class Terms(NamedTuple):
    """The terms of a room's event for holds; stored in `conf` for reservations."""

    hold_ttl_s: int = 0
    max_tickets: int = 0
    currency: str = ""


class RoomRow(NamedTuple):
    """A room and the terms of its event; `unloaded`: it is not in Redis, and need not be."""

    room: Room
    terms: Terms
    unloaded: bool = False
    waiting: int = 0  # when it was unloaded


class Progress(NamedTuple):
    """The queue's progress at one moment."""

    at_ms: int
    serving_position: int
    last_number: int


def _row(row: Any) -> RoomRow:
    room = Room(
        room_id=RoomId(row["room_id"]),
        event_id=EventId(row["event_id"]) if row["event_id"] else None,
        settings=msgspec.json.decode(row["settings"], type=RoomSettings),
        state=row["state"],
        version=row["version"],
        epoch=row["epoch"],
        seed=row["seed"],
        serving_position=row["serving_position"],
        numbers_reserved=row["numbers_reserved"],
        opened_at_ms=to_ms(row["opened_at"]),
        closed_at_ms=to_ms(row["closed_at"]),
        generation=row["generation"],
        draw_root=row["draw_root"],
        draw_round=row["draw_round"],
        draw_signature=row["draw_signature"],
    )
    unloaded = row["unloaded_at"] is not None, row["waiting_unloaded"]
    if room.event_id is None:
        return RoomRow(room, Terms(), *unloaded)
    terms = Terms(row["hold_ttl_s"], row["max_tickets_per_visitor"], row["currency"])
    return RoomRow(room, terms, *unloaded)


async def select_room(queries: Queries, room_id: RoomId) -> RoomRow | None:
    """The room, or None."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} {_FROM} WHERE r.room_id = $1", room_id)
    return _row(row) if row else None


async def lock_room(connection: Connection, room_id: RoomId) -> RoomRow | None:
    """Lock a room until the transaction ends: changes by staff are serialized."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} WHERE r.room_id = $1 FOR UPDATE OF r", room_id
    )
    return _row(row) if row else None


# The first part must match the index `rooms_public`.
_PUBLIC = (
    "(r.settings ->> 'public')::boolean "
    "AND NOT EXISTS (SELECT FROM events WHERE events.room_id = r.room_id AND NOT published)"
)
_ARCHIVED = "EXISTS (SELECT FROM events WHERE events.room_id = r.room_id AND archived_at IS NOT NULL)"
_OF_EVENT = "EXISTS (SELECT FROM events WHERE events.room_id = r.room_id)"


def _where(public_only: bool, of_event: bool | None, archived: bool | None) -> str:
    """The WHERE clause; $1: only these rooms, null for any."""
    kind = {None: "true", True: _OF_EVENT, False: f"NOT {_OF_EVENT}"}[of_event]
    public = f"{_PUBLIC} AND NOT {_ARCHIVED}" if public_only else "true"
    condition = {None: "true", True: _ARCHIVED, False: f"NOT {_ARCHIVED}"}[archived]
    return f"WHERE {kind} AND {public} AND {condition} AND ($1::text[] IS NULL OR r.room_id = ANY($1))"


async def select_rooms(
    queries: Queries,
    *,
    public_only: bool,
    of_event: bool | None = None,
    archived: bool | None = None,
    only: Sequence[str] | None = None,
    limit: int,
    offset: int,
) -> list[Room]:
    """One page of rooms, filtered: public ones, those with an event or without, archived or not, or `only`
    these; rooms that are not closed first, then by room_id."""
    rows = await queries.fetch(
        f"SELECT {_COLUMNS} {_FROM} {_where(public_only, of_event, archived)} "
        "ORDER BY r.state = 'closed', r.room_id LIMIT $2 OFFSET $3",
        *(only, limit, offset),
    )
    return [_row(row).room for row in rows]


async def select_on_sale(queries: Queries, limit: int) -> list[Room]:
    """The rooms of sales neither closed nor archived, the last opened first."""
    rows = await queries.fetch(
        f"SELECT {_COLUMNS} {_FROM} WHERE {_OF_EVENT} AND NOT {_ARCHIVED} AND r.state <> 'closed' "
        "ORDER BY r.state = 'scheduled', r.opened_at DESC NULLS LAST, r.room_id LIMIT $1",
        limit,
    )
    return [_row(row).room for row in rows]


async def count_rooms(
    queries: Queries,
    *,
    public_only: bool,
    of_event: bool | None = None,
    archived: bool | None = None,
    only: Sequence[str] | None = None,
) -> int:
    """How many rooms match."""
    count: int = await queries.fetchval(
        f"SELECT count(*) FROM rooms r {_where(public_only, of_event, archived)}", only
    )
    return count


async def insert_room(queries: Queries, room_id: RoomId, settings: RoomSettings, seed: bytes) -> bool:
    """Insert a room (state `scheduled`). False if the room_id is taken."""
    row = await queries.fetchrow(
        "INSERT INTO rooms (room_id, settings, state, seed) VALUES ($1, $2, 'scheduled', $3) "
        "ON CONFLICT DO NOTHING RETURNING room_id",
        room_id,
        _document(settings),
        seed,
    )
    return row is not None


async def update_room(queries: Queries, room: Room) -> None:
    """Write settings, state and times of `room` as its next version."""
    await queries.execute(
        "UPDATE rooms SET settings = $2, state = $3, opened_at = $4, closed_at = $5, version = version + 1 "
        "WHERE room_id = $1",
        room.room_id,
        _document(room.settings),
        room.state,
        from_ms(room.opened_at_ms),
        from_ms(room.closed_at_ms),
    )


async def delete_room(queries: Queries, room_id: RoomId) -> None:
    """Delete the room and its queue."""
    await queries.execute("DELETE FROM rooms WHERE room_id = $1", room_id, timeout=DELETING_S)


async def touch_room(queries: Queries, room_id: RoomId) -> None:
    """Create a new version of the room, so that every process reads it again."""
    await queries.execute("UPDATE rooms SET version = version + 1 WHERE room_id = $1", room_id)


async def hold_epoch(connection: Connection, room_id: RoomId, epoch: int) -> bool:
    """Keep a restore of the room from starting until the transaction ends.

    False: one has started since this epoch, or the room has been deleted.
    """
    query = "SELECT FROM rooms WHERE room_id = $1 AND epoch <= $2 FOR SHARE"
    return await connection.fetchrow(query, room_id, epoch) is not None


_RECORD_PROGRESS = """
WITH progress AS (
    UPDATE rooms SET
        state = CASE WHEN version <= $2 THEN $3 ELSE state END,
        opened_at = COALESCE(opened_at, $4),
        closed_at = CASE WHEN version <= $2 AND $3 = 'closed' THEN COALESCE(closed_at, now())
                         ELSE closed_at END,
        serving_position = GREATEST(serving_position, $5),
        lane_serving = CASE WHEN $12::bigint[] = '{}' THEN lane_serving ELSE (
            SELECT array_agg(GREATEST(was, now) ORDER BY at)
            FROM unnest(lane_serving, $12::bigint[]) WITH ORDINALITY AS it (was, now, at)) END,
        version = CASE WHEN version < $2 THEN $2 + 1 ELSE version END,
        epoch = GREATEST(epoch, $10),
        numbers_reserved = GREATEST(numbers_reserved, $11),
        sold_out = CASE WHEN seen_ms <= $7 THEN $8 ELSE sold_out END,
        seen_ms = GREATEST(seen_ms, $7)
    WHERE room_id = $1 AND generation = $9 RETURNING serving_position
)
INSERT INTO calls AS c (room_id, called_at, serving_position, last_number)
SELECT $1, date_trunc('second', now()) + interval '1 second', serving_position, $6 FROM progress
ON CONFLICT (room_id, called_at) DO UPDATE SET
    serving_position = GREATEST(c.serving_position, excluded.serving_position),
    last_number = GREATEST(c.last_number, excluded.last_number)
"""


async def record_progress(
    queries: Queries, room_id: RoomId, status: RoomStatus, numbers_reserved: int = 0
) -> None:
    """Store how far the queue got, and a state entered by schedule unless staff changed it since.

    Epoch, reserved numbers and version are in Postgres before they are in Redis, unless a fail-over lost
    them: then they are raised again. If a change by staff was lost, the state survives; the settings stored
    here are loaded into Redis as another version.

    Times are rounded up to the second, so that a call never seems older than it is. `sold_out` only serves to
    notify others when it begins; of two workers the one that looked last decides.
    """
    await queries.execute(
        _RECORD_PROGRESS,
        room_id,
        status.version,
        "open" if status.state == "sold_out" else status.state,  # derived from the stock, never stored
        from_ms(status.opened_at_ms),
        status.serving_position,
        status.last_number,
        status.now_ms,
        status.state == "sold_out",
        status.generation,  # it may have been reset since the status was read
        status.epoch,
        numbers_reserved,
        [it.serving_position for it in status.lanes[1:]],
    )


async def select_progress(queries: Queries, room_id: RoomId) -> list[Progress]:
    """The progress of the queue, oldest first."""
    rows = await queries.fetch(
        "SELECT called_at, serving_position, last_number FROM calls WHERE room_id = $1 "
        "ORDER BY called_at LIMIT $2",
        room_id,
        PROGRESS_MAX,
    )
    return [Progress(to_ms(row["called_at"]), row["serving_position"], row["last_number"]) for row in rows]


def _document(settings: RoomSettings) -> str:
    fields = msgspec.to_builtins(settings)
    for name in (
        "lanes",
        "newcomers_per_address",
        "proof_of_work",
        "captcha",
        "identity",
        "accounts_before",
        "suspects_lane",
    ):
        if fields[name] in (None, False, "", "none", []):
            del fields[name]  # the release before 0.3 cannot read a room with this field
    return msgspec.json.encode(fields).decode()
