"""The life of a sale beside its room's: published, rehearsed, duplicated, put into the archive.

A rehearsal is a copy of the sale, as a test sale that is in no list: whoever has its link can walk through
it, paying with the simulated gateway. Its people and figures are its own, and are wiped with it.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app import audit
from app.audit import Thing
from app.catalogue.events import locked, transaction, update_event, update_room
from app.core.account import Author
from app.core.errors import AlreadyExists, Conflict, EventNotFound
from app.core.model import Event, EventId, Room, RoomId, RoomSettings
from app.core.sale_life import FATE
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql import events, rooms, sale_lives
from app.store.sql.sale_lives import Life
from app.waiting_room import control, emptying

ID_BYTES = 6
TIMES = ("prequeue_at", "opens_at", "closes_at", "members_until")


async def life(stores: Stores, event_id: EventId) -> Life:
    """Where the sale is in its life."""
    with stores_answer():
        return await sale_lives.select_life(stores.postgres, event_id)


async def publish(stores: Stores, event_id: EventId, published: bool, *, by: Author) -> None:
    """Show the sale to fans, or to staff alone. Raises EventNotFound, Conflict once tickets are reserved."""
    async with transaction(stores) as connection:
        event = await locked(connection, event_id)
        if not published and await events.has_reservations(connection, event_id):
            raise Conflict("Tickets were reserved: their buyers could not reach the sale. Close it instead.")
        await update_event(connection, event, msgspec.structs.replace(event, published=published), by)
    await update_room(stores, event)


async def archive(stores: Stores, event_id: EventId, archived: bool, *, by: Author) -> None:
    """Put a sale that is closed into the archive, or take it out: there it is in no list, and read-only.

    Raises EventNotFound, Conflict.
    """
    async with transaction(stores) as connection:
        event = await events.lock_event(connection, event_id)
        if event is None:
            raise EventNotFound
        row = await rooms.lock_room(connection, event.room_id)
        if archived and (row is None or row.room.state != "closed"):
            raise Conflict("Close the sale first; only a sale that is over goes into the archive.")
        before = await sale_lives.select_life(connection, event_id)
        if (before.archived_at is not None) == archived:
            return
        await sale_lives.set_archived(connection, event_id, archived)
        fields: dict[str, Any] = {"before": {"archived": not archived}, "after": {"archived": archived}}
        await audit.record(connection, by, "change", Thing("event", event_id), **fields)
    await update_room(stores, event)


async def duplicate(
    stores: Stores, room: Room, event_id: EventId, name: str, starts_at: datetime, *, by: Author
) -> RoomId:
    """A draft like this sale: everything but its message, codes and people. Its times are as long before the
    start as they were. Raises EventNotFound, AlreadyExists, and Conflict for a rehearsal.
    """
    event = await _event(stores, room)
    moved = _moved(room.settings, event, starts_at)
    settings = msgspec.structs.replace(room.settings, name=name, message="", **moved)
    copy = _copy(event, event_id, name=name, starts_at=starts_at, published=False)
    async with transaction(stores) as connection:
        if (await sale_lives.select_life(connection, event.event_id)).rehearsal_of is not None:
            raise Conflict("This is a rehearsal, where nobody pays; duplicate the sale itself.")
        await _insert(connection, event, copy, settings, {}, by)
        await sale_lives.move_windows(
            connection, event_id, round((starts_at - event.starts_at).total_seconds())
        )
    await update_room(stores, copy)
    return copy.room_id


async def rehearse(stores: Stores, room: Room, *, by: Author) -> RoomId:
    """The room of the sale's rehearsal, made now unless there is one. Raises EventNotFound."""
    event = await _event(stores, room)
    copy = _copy(event, EventId(f"rehearsal-{secrets.token_hex(ID_BYTES)}"), published=True)
    settings = msgspec.structs.replace(
        room.settings,
        **{**dict.fromkeys(TIMES), "message": "", "autopilot": None},
        test=True,
        public=False,
        members_only=False,  # whoever has its link can walk through it
        visitor_events=False,
    )
    async with transaction(stores) as connection:
        await locked(connection, event.event_id, selling=True)
        found = await sale_lives.select_life(connection, event.event_id)
        if found.rehearsal_of is not None:
            raise Conflict("This is a rehearsal already.")
        if found.rehearsal is not None:
            return found.rehearsal
        await _insert(connection, event, copy, settings, {"rehearsal_of": event.event_id}, by)
        await sale_lives.copy_grants(connection, event.event_id, copy.event_id)
    await update_room(stores, copy)
    return copy.room_id


async def wipe(stores: Stores, room: Room, *, by: Author) -> RoomId | None:
    """Delete a rehearsal with everybody in it and all they bought; the room of the real sale, if it is there.

    May be called again after an interruption. Raises EventNotFound, and Conflict for a sale that is none.
    """
    event = await _event(stores, room)
    async with transaction(stores) as connection:
        locked = await events.lock_event(connection, event.event_id)
        found = await sale_lives.select_life(connection, event.event_id)
        if locked is None or found.rehearsal_of is None:
            raise Conflict("This is no rehearsal: what was sold stays.")
        await sale_lives.note_rehearsed(connection, event.event_id)
        await sale_lives.delete_people(connection, event.event_id)
        before = msgspec.structs.asdict(event)
        await audit.record(connection, by, "delete", Thing("event", event.event_id), before=before)
        await events.delete_event(connection, event.event_id)
        real = await events.room_of(connection, found.rehearsal_of)
    stores.absent.forget("event", event.event_id)
    with stores_answer():
        await emptying.delete_with_event(stores, event.room_id, by=by)
    return real


async def _event(stores: Stores, room: Room) -> Event:
    if room.event_id is None:
        raise EventNotFound
    with stores_answer():
        found = await events.select_event(stores.postgres, room.event_id)
    if found is None:
        raise EventNotFound
    return found


def _copy(event: Event, event_id: EventId, **changed: Any) -> Event:
    """The event under another id; what became of the first one is not copied."""
    fate: dict[str, Any] = {**dict.fromkeys(FATE), "notice": ""}
    ids = {"event_id": event_id, "room_id": RoomId(event_id)}
    return msgspec.structs.replace(event, **{**fate, **ids, **changed})


async def _insert(
    connection: Connection,
    event: Event,
    copy: Event,
    settings: RoomSettings,
    more: dict[str, Any],
    by: Author,
) -> None:
    """The copy with its room and all that is sold. Raises AlreadyExists."""
    if not await control.insert_room(connection, copy.room_id, settings, by=by):
        raise AlreadyExists(f"There is a room {copy.room_id} already.")
    fields = msgspec.to_builtins(copy)
    anew = {"search": events.search_text(copy), "revision": 0, "rehearsal_of": None, "rehearsed_at": None}
    changed = {**fields, **anew, "archived_at": None, **more}
    if not await sale_lives.copy_sale(connection, event.event_id, copy.event_id, changed):
        raise AlreadyExists(f"There is an event {copy.event_id} already.")
    after = msgspec.structs.asdict(copy)
    await audit.record(connection, by, "create", Thing("event", copy.event_id), after=after)


def _moved(settings: RoomSettings, event: Event, starts_at: datetime) -> dict[str, datetime | None]:
    """The times of the sale, as long before its start by the clock of its zone as they were."""
    zone = ZoneInfo(event.timezone)

    def moved(at: datetime | None) -> datetime | None:
        if at is None:
            return None
        before: timedelta = _naive(event.starts_at, zone) - _naive(at, zone)
        return (_naive(starts_at, zone) - before).replace(tzinfo=zone).astimezone(UTC)

    return {name: moved(getattr(settings, name)) for name in TIMES}


def _naive(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
