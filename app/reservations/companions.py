"""Companion seats of an order: they are sold with an accessible seat, and cancelled with it.

The rule is that of `named_seats.lua`: a companion seat belongs to the nearest accessible seat on either side,
skipping companion seats in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.core.catalogue.seating import ACCESSIBLE, COMPANION
from app.store.connections import Connection
from app.store.sql.catalogue import seats
from app.store.sql.catalogue.seats import MarkedSeat


async def left_alone(
    connection: Connection, event_id: str, reservation_id: str, cancelled: Collection[str]
) -> list[str]:
    """Return the order's companion seats that have no accessible seat of the buyer beside them without
    `cancelled`."""
    rows = await seats.marked_rows(connection, event_id, cancelled)
    if not rows:
        return []
    of_buyer = await seats.seats_of_buyer(connection, event_id, reservation_id)
    kept = of_buyer - set(cancelled)
    return [
        seat.seat_id
        for row in rows
        for number, seat in row.items()
        if seat.kind == COMPANION and seat.seat_id in kept
        if _accompanied(row, number, of_buyer) and not _accompanied(row, number, kept)
    ]


def _accompanied(row: Mapping[int, MarkedSeat], number: int, of_buyer: Collection[str]) -> bool:
    """Whether the nearest accessible seat on either side belongs to the buyer."""
    for step in (-1, 1):
        at = number + step
        while (seat := row.get(at)) and seat.kind == COMPANION:
            at += step
        if seat and seat.kind == ACCESSIBLE and seat.seat_id in of_buyer:
            return True
    return False
