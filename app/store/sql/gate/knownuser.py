"""SQL of rooms with a KnownUser connector."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.core.gate.knownuser import ConnectorSettings
from app.core.model import RoomId, VisitorId
from app.store.connections import Connection, Queries

ROOMS_MAX = 200  # of one customer, in the configuration for connectors
FORGET_MAX = 10  # expired used tokens deleted along with each use


class ConnectorRow(NamedTuple):
    """The connector settings of a room; the secret is sealed."""

    room_id: RoomId
    settings: ConnectorSettings
    sealed: bytes
    version: int


async def select_connector(queries: Queries, room_id: RoomId) -> ConnectorRow | None:
    """The connector settings of a room, or None."""
    row = await queries.fetchrow(
        "SELECT room_id, face, sealed, version FROM knownuser_rooms WHERE room_id = $1", room_id
    )
    return _row(row) if row else None


async def select_connectors(queries: Queries, customer_id: str) -> list[ConnectorRow]:
    """The connector settings of all rooms of one customer."""
    rows = await queries.fetch(
        "SELECT room_id, face, sealed, version FROM knownuser_rooms WHERE customer_id = $1 "
        "ORDER BY room_id LIMIT $2",
        customer_id,
        ROOMS_MAX,
    )
    return [_row(row) for row in rows]


async def save_connector(
    connection: Connection, room_id: RoomId, settings: ConnectorSettings, sealed: bytes
) -> int | None:
    """Store the connector settings of a room; returns their new version, or None if there is no such room."""
    version: int | None = await connection.fetchval(
        "INSERT INTO knownuser_rooms (room_id, customer_id, face, sealed) "
        "SELECT room_id, $2, $3, $4 FROM rooms WHERE room_id = $1 FOR KEY SHARE "
        "ON CONFLICT (room_id) DO UPDATE SET customer_id = excluded.customer_id, face = excluded.face, "
        "sealed = excluded.sealed, version = excluded.version RETURNING version",
        room_id,
        settings.customer_id,
        msgspec.json.encode(settings).decode(),
        sealed,
    )
    return version


async def delete_connector(connection: Connection, room_id: RoomId) -> ConnectorSettings | None:
    """Delete the connector settings of a room and return them. None: there were none."""
    row = await connection.fetchrow("DELETE FROM knownuser_rooms WHERE room_id = $1 RETURNING face", room_id)
    return msgspec.json.decode(row["face"], type=ConnectorSettings) if row else None


async def use_token(queries: Queries, room_id: RoomId, token_id: str, until: datetime) -> bool:
    """Record the use of an enqueue token; False: it was used before."""
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
    """The queue number of the visitor's running session; None: they have none."""
    number: int | None = await queries.fetchval(
        "SELECT max(queue_number) FROM sessions "
        "WHERE room_id = $1 AND visitor_id = $2 AND ended_at IS NULL AND expires_at > now()",
        room_id,
        visitor_id,
    )
    return number


def _row(row: Any) -> ConnectorRow:
    settings = msgspec.json.decode(row["face"], type=ConnectorSettings)
    return ConnectorRow(RoomId(row["room_id"]), settings, bytes(row["sealed"]), row["version"])
