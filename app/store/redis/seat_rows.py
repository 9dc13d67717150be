"""Rows of seats as Redis has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.catalogue.seating import SeatRow
from app.store.connections import RedisClient
from app.store.keys import RoomKeys


async def live_rows(redis: RedisClient, keys: RoomKeys) -> dict[str, list[SeatRow]]:
    """The rows of each ticket type in Redis, the best first, with the current state of each seat."""
    client: Any = redis
    fields: dict[str, str] = await client.hgetall(keys.seats)
    found: dict[str, list[tuple[int, SeatRow]]] = {}
    for field, value in fields.items():
        if field.startswith("row:"):
            ticket_type_id, _, row = field.removeprefix("row:").rpartition("-")
            number, first, states = value.split("|")
            more = [fields.get(f"{it}:{ticket_type_id}-{row}", "") for it in ("kinds", "labels")]
            found.setdefault(ticket_type_id, []).append(
                (int(number), SeatRow(row, int(first), states, *more))
            )
    return {ticket_type_id: [row for _, row in sorted(rows)] for ticket_type_id, rows in found.items()}


async def behind(redis: RedisClient, keys: RoomKeys, sizes: Mapping[str, int]) -> list[str]:
    """Those of the ticket types for which Redis has a different number of seats; `sizes` by ticket type."""
    if not sizes:
        return []
    client: Any = redis
    stored = await client.hmget(keys.seats, [f"size:{it}" for it in sizes])
    return [it for it, size in zip(sizes, stored, strict=True) if size != str(sizes[it])]
