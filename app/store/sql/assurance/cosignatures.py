"""SQL of witnesses' cosignatures of the heads of public logs."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import RoomId
from app.store.connections import Queries

RECENT = "interval '1 day'"  # heads that no witness accepted for this long are no longer sent


async def select_uncosigned(queries: Queries, witness: str, limit: int) -> list[RoomId]:
    """Rooms whose newest head this witness has not cosigned, in random order, so that refused ones do not
    block the others."""
    rows = await queries.fetch(
        "SELECT room_id FROM room_logs l WHERE signed_size > 0 "
        f"AND signed_at > now() - {RECENT} AND NOT EXISTS (SELECT FROM room_log_cosignatures c "
        "WHERE c.room_id = l.room_id AND c.witness = $1 AND c.size = l.signed_size) "
        "ORDER BY random() LIMIT $2",
        *(witness, limit),
    )
    return [RoomId(row["room_id"]) for row in rows]


async def select_cosigned_size(queries: Queries, room_id: RoomId, witness: str) -> int:
    """The size of the largest head that this witness has cosigned; 0 if none."""
    size: int = await queries.fetchval(
        "SELECT coalesce(max(size), 0) FROM room_log_cosignatures WHERE room_id = $1 AND witness = $2",
        *(room_id, witness),
    )
    return size


async def insert_cosignature(queries: Queries, room_id: RoomId, witness: str, size: int, line: str) -> None:
    """Store a cosignature; a witness's first one for a head counts."""
    await queries.execute(
        "INSERT INTO room_log_cosignatures (room_id, witness, size, line) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        *(room_id, witness, size, line),
    )


async def select_cosignatures(
    queries: Queries, room_id: RoomId, sizes: Sequence[int]
) -> dict[int, list[str]]:
    """The cosignatures of the heads of these sizes, by size."""
    rows = await queries.fetch(
        "SELECT size, array_agg(line ORDER BY witness) AS lines FROM room_log_cosignatures "
        "WHERE room_id = $1 AND size = ANY($2) GROUP BY size",
        *(room_id, list(sizes)),
    )
    return {row["size"]: list(row["lines"]) for row in rows}


async def select_cosigned(queries: Queries, room_id: RoomId) -> dict[str, int]:
    """The size of the largest head that each witness has cosigned, by witness."""
    rows = await queries.fetch(
        "SELECT witness, max(size) AS size FROM room_log_cosignatures WHERE room_id = $1 "
        "GROUP BY witness ORDER BY witness",
        room_id,
    )
    return {row["witness"]: row["size"] for row in rows}
