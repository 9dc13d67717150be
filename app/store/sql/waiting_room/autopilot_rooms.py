"""SQL of rooms whose rate is controlled by the autopilot."""

from __future__ import annotations

import msgspec

from app.core.autopilot_settings import Autopilot
from app.core.model import RoomId
from app.store.connections import Queries


async def select_steered(queries: Queries, limit: int) -> dict[RoomId, Autopilot]:
    """The open rooms whose autopilot is on; the condition matches the index `rooms_steered`."""
    rows = await queries.fetch(
        "SELECT room_id, settings -> 'autopilot' AS autopilot FROM rooms WHERE state = 'open' "
        "AND settings -> 'autopilot' ->> 'paused' = 'false' ORDER BY room_id LIMIT $1",
        limit,
    )
    return {RoomId(row["room_id"]): msgspec.json.decode(row["autopilot"], type=Autopilot) for row in rows}
