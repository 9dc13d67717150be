"""Rows and seats renamed in both stores, and when they are not."""

from __future__ import annotations

import pytest

from app.catalogue import seat_names
from app.catalogue.seat_names import NewNames
from app.core.errors import Conflict, Restoring, ValidationFailed
from app.core.model import TicketTypeId
from app.reservations.operations import Payment, check, confirm
from app.restoring.loaded_rooms import LoadedRooms
from app.store.connections import Stores
from app.store.sql.locks import try_lock
from tests.support.builders import STAFF
from tests.support.people import actions
from tests.support.sales import GALA, HALL, LIVE, a_session
from tests.support.seating import a_hall, a_section, reserve_seats, seats_in, states

SAME, NEW = NewNames(["a", "b"], ["1-2", "1-2"]), NewNames(["k", "b"], ["2-1", "1-2"])
HALL_OF_FOUR = a_section(rows=2, seats_per_row=2)


async def rename(stores: Stores, new: NewNames = NEW, section: str = "stalls") -> tuple[int, int]:
    """Rename; returns how many seats, and how many sold ones."""
    return await seat_names.rename(LoadedRooms(stores), GALA, TicketTypeId(section), new, by=STAFF)


async def pause(stores: Stores) -> None:
    await stores.postgres.execute("UPDATE rooms SET state = 'paused', opened_at = now()")
    await stores.redis.hset(LIVE.conf, "state", "paused")


async def names(stores: Stores) -> list[str]:
    """The ids of all seats in Postgres."""
    found = await stores.postgres.fetch("SELECT seat_id FROM seats ORDER BY seat_id")
    return [row["seat_id"].removeprefix("stalls-") for row in found]


async def test_sold_seats_are_renamed_wherever_they_are(stores: Stores) -> None:
    async with a_hall(stores, HALL_OF_FOUR) as engine:
        ann = await a_session(stores)
        order = await reserve_seats(engine, ann, "stalls-a-1")
        await confirm(engine, order.reservation_id, Payment("card", "tok_ok"), "pay")
        await pause(stores)
        assert await rename(stores) == (2, 1)
        assert await names(stores) == ["b-1", "b-2", "k-1", "k-2"]
        [ticket] = await stores.postgres.fetch("SELECT seat_id FROM tickets")
        assert ticket["seat_id"] == "stalls-k-2"
        assert (await states(stores.redis, LIVE))["k"] == "sf"
        assert await check(stores, GALA) == []
        again = NewNames(["k", "b"], ["2-1", "1-2"])
        assert await rename(stores, again) == (0, 0)
        assert await actions(stores) == ["change"]


async def test_nothing_is_renamed_while_somebody_could_have_the_old_name(stores: Stores) -> None:
    async with a_hall(stores, HALL_OF_FOUR) as engine:
        with pytest.raises(Conflict, match="Pause the sale first"):
            await rename(stores)
        held = await reserve_seats(engine, await a_session(stores), "stalls-b-1")
        assert seats_in(held) == ["stalls-b-1"]
        await pause(stores)
        with pytest.raises(Conflict, match="are held"):
            await rename(stores)
        assert await names(stores) == ["a-1", "a-2", "b-1", "b-2"]
        assert await actions(stores) == []


async def test_while_the_room_is_being_restored_it_is_tried_again_later(stores: Stores) -> None:
    async with a_hall(stores, HALL_OF_FOUR):
        await pause(stores)
        async with stores.postgres.acquire() as connection, connection.transaction():
            assert await try_lock(connection, "fairgate restore", HALL)
            with pytest.raises(Restoring):
                await rename(stores)
        epoch = "SELECT epoch FROM rooms"
        before = await stores.postgres.fetchval(epoch)
        assert await rename(stores, SAME) == (0, 0)
        assert await stores.postgres.fetchval(epoch) == before, "the room need not be loaded again"
        assert await rename(stores) == (2, 0)
        assert await stores.postgres.fetchval(epoch) > before


@pytest.mark.parametrize(
    ("section", "new", "field"),
    [
        ("nowhere", NEW, "section"),
        ("floor", NEW, "section"),  # counted tickets
        ("stalls", NewNames(["a"], ["1-2"]), "rows"),
        ("stalls", NewNames(["a", "b"], ["1-2"]), "rows"),
        ("stalls", NewNames(["a", "b", "c"], ["1-2"] * 3), "rows"),  # a form from before rows were removed
        ("stalls", NewNames(["a", "a"], ["1-2", "1-2"]), "row-1"),
    ],
)
async def test_names_that_do_not_fit_the_section_are_refused_by_field(
    stores: Stores, section: str, new: NewNames, field: str
) -> None:
    async with a_hall(stores, HALL_OF_FOUR):
        await pause(stores)
        with pytest.raises(ValidationFailed) as refused:
            await rename(stores, new, section)
        assert refused.value.members["errors"][0]["field"] == field
        assert await names(stores) == ["a-1", "a-2", "b-1", "b-2"]
