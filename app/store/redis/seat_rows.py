"""Rows of seats as Redis has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.seating import SeatRow
from app.store.connections import RedisClient
from app.store.keys import RoomKeys


async def live_rows(redis: RedisClient, keys: RoomKeys) -> dict[str, list[SeatRow]]:
    """The rows of each ticket type as Redis has them, the best first, with the state of each seat now."""
    client: Any = redis
    fields: dict[str, str] = await client.hgetall(keys.seats)
    found: dict[str, list[tuple[int, SeatRow]]] = {}
    for field, value in fields.items():
        if field.startswith("row:"):
            ticket_type_id, _, row = field.removeprefix("row:").rpartition("-")
            number, first, states = value.split("|")
            found.setdefault(ticket_type_id, []).append((int(number), SeatRow(row, int(first), states)))
    return {ticket_type_id: [row for _, row in sorted(rows)] for ticket_type_id, rows in found.items()}


async def missing_types(redis: RedisClient, keys: RoomKeys, ticket_type_ids: Sequence[str]) -> list[str]:
    """Those of the ticket types whose seats Redis does not have."""
    if not ticket_type_ids:
        return []
    client: Any = redis
    there = await client.hmget(keys.seats, [f"runs:{it}" for it in ticket_type_ids])
    return [it for it, runs in zip(ticket_type_ids, there, strict=True) if runs is None]
