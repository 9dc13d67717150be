"""Exclusive locks in Postgres, across processes."""

from __future__ import annotations

from app.core.model import RoomId
from app.store.connections import Connection


async def try_lock(connection: Connection, purpose: str, of: str) -> bool:
    """Take a lock for a purpose, such as that of a room, until the transaction ends; False if somebody else
    has it."""
    locked: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))", purpose, of
    )
    return locked


async def lock(connection: Connection, purpose: str, room_id: RoomId) -> None:
    """Wait for this room's lock, and hold it until the transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))", purpose, room_id
    )
