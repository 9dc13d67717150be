"""Which companion seats an order may not keep without the accessible seat beside them."""

from __future__ import annotations

import pytest

from app.reservations.companions import left_alone
from app.store.connections import Stores
from app.store.sql.catalogue import seats
from tests.support.sales import GALA, a_session
from tests.support.seating import a_hall, reserve_seats


@pytest.mark.parametrize(
    ("row", "bought", "cancelled", "alone"),
    [
        ("ac...", "12", "1", "2"),
        ("acc..", "123", "1", "23"),  # seats beyond another companion seat belong to it, too
        ("acca.", "1234", "1", ""),  # the accessible seat on the other side is still theirs
        ("acca.", "1234", "14", "23"),
        ("ac.c.", "12", "1", "2"),
        ("ac...", "12", "2", ""),
        ("ac...", "12", "12", ""),
        (".c...", "12", "1", ""),
    ],
)
async def test_companion_seats_stay_with_an_accessible_seat_of_the_buyer(
    stores: Stores, row: str, bought: str, cancelled: str, alone: str
) -> None:
    async with a_hall(stores) as engine, stores.postgres.acquire() as connection:
        order = await reserve_seats(engine, await a_session(stores), *(f"stalls-a-{it}" for it in bought))
        for kind in "ac":
            marked = [f"stalls-a-{at}" for at, it in enumerate(row, 1) if it == kind]
            await seats.set_kind(connection, GALA, marked, kind)
        ids = [f"stalls-a-{it}" for it in cancelled]
        found = await left_alone(connection, GALA, order.reservation_id, ids)
        assert found == [f"stalls-a-{it}" for it in alone]
