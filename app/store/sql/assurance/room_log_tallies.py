"""SQL of tallies of public logs."""

from __future__ import annotations

import msgspec

from app.core.assurance.log_tally import Tally
from app.core.model import RoomId
from app.store.connections import Connection, Queries


async def select_tally(queries: Queries, room_id: RoomId) -> tuple[int, Tally]:
    """The number of leaves counted so far, and their tally."""
    row = await queries.fetchrow("SELECT size, tally FROM room_log_tallies WHERE room_id = $1", room_id)
    return (row["size"], msgspec.json.decode(row["tally"], type=Tally)) if row else (0, Tally())


async def write_tally(connection: Connection, room_id: RoomId, size: int, tally: Tally) -> None:
    """Store a tally; the caller holds the log's lock."""
    await connection.execute(
        "INSERT INTO room_log_tallies (room_id, size, tally) VALUES ($1, $2, $3::jsonb) "
        "ON CONFLICT (room_id) DO UPDATE SET size = excluded.size, tally = excluded.tally",
        *(room_id, size, msgspec.json.encode(tally).decode()),
    )
