"""What Postgres lost in a fail-over and Redis still knows: written again once, and for the same room only."""

from __future__ import annotations

import pytest

from app.core.model import RoomId
from app.reservations import recovery
from app.reservations.operations import check
from app.store.connections import Stores
from tests.support.payments import a_hold
from tests.support.sales import GALA, HALL, a_shop, counters, rows

LOSE = "DELETE FROM reservations"
LOSE_COUNTS = "UPDATE ticket_types SET held = 0"


async def test_a_lost_hold_is_written_again_once_and_its_sale_confirmed_once(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        for statement in (LOSE, LOSE_COUNTS):
            await stores.postgres.execute(statement)
        assert await recovery.rewrite_lost(stores, HALL, GALA, [reservation_id, "unknown"]) == {
            reservation_id
        }
        assert await recovery.rewrite_lost(stores, HALL, GALA, [reservation_id]) == set()
        assert await check(stores, GALA) == []
        confirmed = await recovery.confirm_sold(stores, [reservation_id, "unknown"])
        assert [it.reservation_id for it in confirmed] == [reservation_id]
        assert await recovery.confirm_sold(stores, [reservation_id]) == []
        assert await counters(stores) == (0, 2)
        assert await rows(stores) == {reservation_id: "confirmed"}


@pytest.mark.parametrize(
    "change", ["UPDATE rooms SET epoch = epoch + 1", "UPDATE rooms SET generation = 'another'"]
)
async def test_nothing_is_written_for_a_room_that_is_another_one_since(stores: Stores, change: str) -> None:
    async with a_shop(stores) as engine:
        reservation_id = await a_hold(engine)
        for statement in (LOSE, LOSE_COUNTS, change):
            await stores.postgres.execute(statement)
        assert await recovery.rewrite_lost(stores, HALL, GALA, [reservation_id]) == set()
        assert await recovery.rewrite_lost(stores, RoomId("gone"), GALA, [reservation_id]) == set()
        assert await rows(stores) == {}
        assert await counters(stores) == (0, 0)
