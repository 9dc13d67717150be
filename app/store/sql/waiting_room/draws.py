"""SQL of the entropy that lotteries use besides the seed: written once, then never changed."""

from __future__ import annotations

from app.core.model import Room
from app.store.connections import Queries


async def keep_root(queries: Queries, room: Room, root: bytes) -> None:
    """Store the root used in a lottery's draws, once. Creates a new version of the room to publish it."""
    await queries.execute(
        "UPDATE rooms SET draw_root = $3, version = version + 1 "
        "WHERE room_id = $1 AND generation = $2 AND draw_root IS NULL",
        *(room.room_id, room.generation, root),
    )


async def keep_round(queries: Queries, room: Room, number: int) -> None:
    """Store the beacon round used in a draw. Creates a new version of the room to publish it."""
    await queries.execute(
        "UPDATE rooms SET draw_round = $3, draw_signature = NULL, version = version + 1 "
        "WHERE room_id = $1 AND generation = $2 AND draw_root IS NULL AND draw_round IS DISTINCT FROM $3",
        *(room.room_id, room.generation, number),
    )


async def select_awaited(queries: Queries, limit: int) -> list[int]:
    """The rounds that draws of open rooms wait for, the earliest first."""
    rows = await queries.fetch(
        "SELECT DISTINCT draw_round FROM rooms WHERE draw_round IS NOT NULL AND draw_root IS NULL "
        "AND draw_signature IS NULL AND opened_at IS NOT NULL ORDER BY draw_round LIMIT $1",
        limit,
    )
    return [row["draw_round"] for row in rows]


async def keep_signature(queries: Queries, number: int, signature: bytes) -> None:
    """Store the signature of a round for the rooms whose draws wait for it."""
    await queries.execute(
        "UPDATE rooms SET draw_signature = $2, version = version + 1 "
        "WHERE draw_round = $1 AND draw_root IS NULL AND draw_signature IS NULL",
        *(number, signature),
    )
