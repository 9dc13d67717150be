"""A restore that another one overtakes, or whose room is deleted meanwhile, changes nothing any more."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import RoomNotFound
from app.restoring.room import is_loaded, rebuild_room
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room.queue import open_queues, status
from tests.support.builders import KEYS, ROOM, Client, a_stored_room
from tests.support.payments import a_hold
from tests.support.races import just_before
from tests.support.sales import HALL, LIVE, a_session, a_shop

LATER = 99  # the epoch of a restore that began since


async def test_a_room_deleted_while_it_is_restored_is_not_found(stores: Stores) -> None:
    await a_stored_room(stores, loaded=False)
    async with just_before(stores, rebuild_room(stores, ROOM), "sessions") as (other, restoring):
        await other.execute("DELETE FROM rooms")
    with pytest.raises(RoomNotFound):
        await restoring
    with pytest.raises(RoomNotFound):
        await rebuild_room(stores, ROOM)
    assert not await stores.redis.exists(KEYS.conf)


async def test_a_restore_that_is_late_leaves_the_room_as_the_later_one_made_it(stores: Stores) -> None:
    client: Client = stores.redis
    await a_stored_room(stores, loaded=False)
    async with just_before(stores, rebuild_room(stores, ROOM), "removed_visitors") as (_, late):
        await client.hset(KEYS.conf, mapping={"epoch": LATER, "restoring": 1})
    assert await late is False
    assert await client.hgetall(KEYS.conf) == {"epoch": str(LATER), "restoring": "1"}


async def overtaken(stores: Stores, table: str) -> bool:
    """Restore the hall, but another restore begins before this table is read."""
    client: Client = stores.redis
    await client.flushall()
    async with just_before(stores, rebuild_room(stores, HALL), table) as (_, late):
        await client.hset(LIVE.conf, "epoch", LATER)
    return await late


@pytest.mark.parametrize(("table", "loaded"), [("carried_places", "active"), ("ticket_types", "holds")])
async def test_a_restore_stops_where_another_one_has_begun(stores: Stores, table: str, loaded: str) -> None:
    client: Client = stores.redis
    async with a_shop(stores) as engine:
        await a_session(stores, "ann")
        reservation_id = await a_hold(engine)
        assert not await overtaken(stores, table)
        assert not await is_loaded(stores, HALL)
        assert not await client.exists(getattr(LIVE, loaded))
        await client.flushall()
        assert await rebuild_room(stores, HALL)
        assert await client.hkeys(LIVE.holds) == [reservation_id]
        found: Any = (await status(open_queues(stores, Settings(rate_limits=False)), HALL))[1]
        assert found.active == 2
