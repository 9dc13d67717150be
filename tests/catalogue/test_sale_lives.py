"""The life of a sale: each step once, and not from where it does not lead."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.catalogue import events, sale_lives
from app.core.catalogue.definitions import NewRoomOfEvent
from app.core.errors import AlreadyExists, Conflict, EventNotFound
from app.core.model import EventId, Room, RoomId
from app.store.connections import Stores
from app.store.sql.waiting_room import rooms
from tests.support.builders import a_stored_room
from tests.support.catalogue import SPRING, STARTS_AT, by, create_sale, room_of, totals
from tests.support.people import actions


async def duplicate(stores: Stores, room: Room, event_id: str) -> str:
    starts_at = STARTS_AT + timedelta(days=7)
    return await sale_lives.duplicate(stores, room, EventId(event_id), "Again", starts_at, by=by("duplicate"))


async def test_a_closed_sale_is_archived_once_and_taken_out_once(stores: Stores) -> None:
    await create_sale(stores)
    with pytest.raises(Conflict, match="Close the sale first"):
        await sale_lives.archive(stores, SPRING, True, by=by("early"))
    await stores.postgres.execute("UPDATE rooms SET state = 'closed'")
    before = await actions(stores)
    for archived in (True, True, False, False):
        await sale_lives.archive(stores, SPRING, archived, by=by("archive"))
        assert ((await sale_lives.life(stores, SPRING)).archived_at is not None) == archived
    assert await actions(stores) == [*before, "change", "change"]
    with pytest.raises(EventNotFound):
        await sale_lives.archive(stores, EventId("nowhere"), True, by=by("archive"))


async def test_a_sale_has_one_rehearsal_and_a_rehearsal_none(stores: Stores) -> None:
    await create_sale(stores)
    room = await room_of(stores)
    first, second = await asyncio.gather(
        *(sale_lives.rehearse(stores, room, by=by("rehearse")) for _ in range(2))
    )
    assert first == second
    assert await stores.postgres.fetchval("SELECT count(*) FROM events") == 2
    rehearsal = await room_of(stores, first)
    with pytest.raises(Conflict, match="already a rehearsal"):
        await sale_lives.rehearse(stores, rehearsal, by=by("rehearse"))
    with pytest.raises(Conflict, match="not a rehearsal"):
        await sale_lives.wipe(stores, room, by=by("wipe"))
    assert await sale_lives.wipe(stores, rehearsal, by=by("wipe")) == room.room_id
    with pytest.raises(EventNotFound):
        await sale_lives.wipe(stores, rehearsal, by=by("wipe"))
    assert (await sale_lives.life(stores, SPRING)).rehearsal is None


async def test_an_id_that_is_taken_by_an_event_or_a_room_gets_no_duplicate(stores: Stores) -> None:
    await create_sale(stores)
    room = await room_of(stores)
    await a_stored_room(stores)
    await create_sale(stores, event_id="ball", room=NewRoomOfEvent(room_id="side"))
    before = await actions(stores)
    with pytest.raises(AlreadyExists, match="room hall"):
        await duplicate(stores, room, "hall")
    with pytest.raises(AlreadyExists, match="event ball"):
        await duplicate(stores, room, "ball")
    assert await rooms.select_room(stores.postgres, RoomId("ball")) is None, "nor is a room left behind"
    assert await actions(stores) == before
    assert await duplicate(stores, room, "autumn") == "autumn"
    assert await totals(stores, EventId("autumn")) == await totals(stores)


async def test_a_room_without_an_event_has_no_such_life(stores: Stores) -> None:
    site = await room_of(stores, await a_stored_room(stores))
    await create_sale(stores)
    deleted = await room_of(stores)
    await events.delete_event(stores, SPRING, by=by("delete"))
    for room in (site, deleted):
        with pytest.raises(EventNotFound):
            await sale_lives.rehearse(stores, room, by=by("rehearse"))
        with pytest.raises(EventNotFound):
            await duplicate(stores, room, "autumn")
        with pytest.raises(EventNotFound):
            await sale_lives.wipe(stores, room, by=by("wipe"))
    assert await stores.postgres.fetchval("SELECT count(*) FROM events") == 0
