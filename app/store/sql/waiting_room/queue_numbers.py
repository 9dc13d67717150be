"""SQL of queue numbers: reserved blocks, and the numbers given by a draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from app.core.model import RoomId, VisitorId
from app.store.connections import Queries


class Drawn(NamedTuple):
    """Numbers given by a draw; `highest`: the highest in its range so far, 0 if there are none."""

    numbers: dict[VisitorId, int]
    highest: int


async def reserve_numbers(
    queries: Queries,
    room_id: RoomId,
    of: tuple[str, int],
    up_to: int,
    *,
    draw_first: int,
    draw_last: int,
    opened_at: datetime | None,
) -> int | None:
    """Reserve queue numbers, and those of the draw, in a room `of` this generation and epoch.

    Returns the highest reserved number; None if the room has another generation or epoch by now.
    """
    reserved: int | None = await queries.fetchval(
        """
        UPDATE rooms SET numbers_reserved = GREATEST(numbers_reserved, $3), draw_first = $4, draw_last = $5,
            opened_at = COALESCE(opened_at, $6),
            state = CASE WHEN $6::timestamptz IS NOT NULL AND state IN ('scheduled', 'prequeue') THEN 'open'
                         ELSE state END
        WHERE room_id = $1 AND epoch = $2 AND generation = $7 RETURNING numbers_reserved
        """,
        room_id,
        of[1],
        up_to,
        draw_first,
        draw_last,
        opened_at,
        of[0],
    )
    return reserved


async def insert_drawn(
    queries: Queries, room_id: RoomId, visitor_ids: Sequence[VisitorId], first: int, last: int
) -> Drawn:
    """Number these from `first` to `last` at most; visitors with a number keep it. Returns the result."""
    numbers = list(range(first, min(last, first + len(visitor_ids) - 1) + 1))
    await queries.execute(
        "INSERT INTO drawn_places (room_id, visitor_id, queue_number) "
        "SELECT $1, * FROM unnest($2::text[], $3::bigint[]) ON CONFLICT DO NOTHING",
        room_id,
        visitor_ids[: len(numbers)],
        numbers,
    )
    highest = await queries.fetchval(
        "SELECT COALESCE(max(queue_number), 0) FROM drawn_places "
        "WHERE room_id = $1 AND queue_number BETWEEN $2 AND $3",
        room_id,
        first,
        last,
    )
    return Drawn(await select_drawn(queries, room_id, visitor_ids), highest)


async def select_drawn(
    queries: Queries, room_id: RoomId, visitor_ids: Sequence[VisitorId]
) -> dict[VisitorId, int]:
    """The numbers a draw gave to these; without those not drawn."""
    rows = await queries.fetch(
        "SELECT visitor_id, queue_number FROM drawn_places "
        "WHERE room_id = $1 AND visitor_id = ANY($2) ORDER BY queue_number",
        room_id,
        visitor_ids,
    )
    return {row["visitor_id"]: row["queue_number"] for row in rows}
