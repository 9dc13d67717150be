"""Counts what a room's public log says. The worker that writes the log updates the count, in pieces.

An older release that does not count may have written leaves; they are counted together with later ones.
"""

from __future__ import annotations

from app.core.assurance.log_tally import Tally, counted
from app.core.model import RoomId
from app.store.connections import Connection, Queries
from app.store.sql.assurance import room_log as stored
from app.store.sql.assurance.room_log_tallies import select_tally, write_tally

LEAVES_MAX = 20_000  # counted at once


async def tally_of(queries: Queries, room_id: RoomId, size: int) -> tuple[int, Tally]:
    """Returns how many of the log's first `size` leaves are counted, and the count.

    Fewer than `size` are counted only if a release that does not count has written many.
    """
    at, tally = await select_tally(queries, room_id)
    last = min(size, at + LEAVES_MAX)
    if last <= at:
        return at, tally
    return last, counted(tally, await stored.select_leaves(queries, room_id, at, last))


async def keep_tally(connection: Connection, room_id: RoomId, size: int) -> None:
    """Update the stored count. Call it in the transaction that writes leaves, so that both always match."""
    at, tally = await tally_of(connection, room_id, size)
    await write_tally(connection, room_id, at, tally)
