"""SQL of rooms that speak KnownUser to a shop."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.core.knownuser import Face
from app.core.model import RoomId, VisitorId
from app.store.connections import Connection, Queries

ROOMS_MAX = 200  # of one customer that are told to a connector
FORGET_MAX = 10  # used tokens whose time is over, forgotten with each that is used


class FaceRow(NamedTuple):
    """A room's face as it is kept: the secret sealed."""

    room_id: RoomId
    face: Face
    sealed: bytes
    version: int


async def select_face(queries: Queries, room_id: RoomId) -> FaceRow | None:
    """The face of a room; None: it has none."""
    row = await queries.fetchrow(
        "SELECT room_id, face, sealed, version FROM knownuser_rooms WHERE room_id = $1", room_id
    )
    return _row(row) if row else None


async def select_faces(queries: Queries, customer_id: str) -> list[FaceRow]:
    """The faces of all rooms of one customer."""
    rows = await queries.fetch(
        "SELECT room_id, face, sealed, version FROM knownuser_rooms WHERE customer_id = $1 "
        "ORDER BY room_id LIMIT $2",
        customer_id,
        ROOMS_MAX,
    )
    return [_row(row) for row in rows]


async def put_face(connection: Connection, room_id: RoomId, face: Face, sealed: bytes) -> int | None:
    """Keep the face of a room, as a new version; which one. None: there is no such room."""
    version: int | None = await connection.fetchval(
        "INSERT INTO knownuser_rooms (room_id, customer_id, face, sealed) "
        "SELECT room_id, $2, $3, $4 FROM rooms WHERE room_id = $1 FOR KEY SHARE "
        "ON CONFLICT (room_id) DO UPDATE SET customer_id = excluded.customer_id, face = excluded.face, "
        "sealed = excluded.sealed, version = excluded.version RETURNING version",
        room_id,
        face.customer_id,
        msgspec.json.encode(face).decode(),
        sealed,
    )
    return version


async def delete_face(connection: Connection, room_id: RoomId) -> Face | None:
    """Forget the face of a room; what it was, None: it had none."""
    row = await connection.fetchrow("DELETE FROM knownuser_rooms WHERE room_id = $1 RETURNING face", room_id)
    return msgspec.json.decode(row["face"], type=Face) if row else None


async def use_token(queries: Queries, room_id: RoomId, token_id: str, until: datetime) -> bool:
    """Remember that an enqueue token was used; False: it was before."""
    row = await queries.fetchrow(
        "WITH gone AS (DELETE FROM enqueue_tokens WHERE ctid = ANY (ARRAY("
        "  SELECT ctid FROM enqueue_tokens WHERE until < now() LIMIT $4 FOR UPDATE SKIP LOCKED))) "
        "INSERT INTO enqueue_tokens (room_id, token_id, until) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING RETURNING 1",
        room_id,
        token_id,
        until,
        FORGET_MAX,
    )
    return row is not None


async def running_session(queries: Queries, room_id: RoomId, visitor_id: VisitorId) -> int | None:
    """The queue number of the session that the visitor has; None: they have none."""
    number: int | None = await queries.fetchval(
        "SELECT max(queue_number) FROM sessions "
        "WHERE room_id = $1 AND visitor_id = $2 AND ended_at IS NULL AND expires_at > now()",
        room_id,
        visitor_id,
    )
    return number


def _row(row: Any) -> FaceRow:
    face = msgspec.json.decode(row["face"], type=Face)
    return FaceRow(RoomId(row["room_id"]), face, bytes(row["sealed"]), row["version"])
