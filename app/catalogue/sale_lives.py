"""The life of a sale besides its room's: published, rehearsed, duplicated, archived.

A rehearsal is an unlisted copy of the sale as a test sale: anybody with its link can walk through it, paying
with the simulated gateway. Its visitors and figures are its own, and are wiped with it.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app import audit
from app.audit import Entity
from app.catalogue.events import lock_event, transaction, update_event, update_room
from app.core.account import Author
from app.core.catalogue.sale_life import CANCEL_OR_MOVE_FIELDS
from app.core.errors import AlreadyExists, Conflict, EventNotFound
from app.core.model import Event, EventId, Room, RoomId, RoomSettings
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.catalogue import events, sale_lives
from app.store.sql.catalogue.sale_lives import Life
from app.store.sql.waiting_room import rooms
from app.waiting_room import control, emptying

ID_BYTES = 6
TIMES = ("prequeue_at", "opens_at", "closes_at", "members_until")


async def life(stores: Stores, event_id: EventId) -> Life:
    """The life of the sale."""
    with stores_answer():
        return await sale_lives.select_life(stores.postgres, event_id)


async def publish(stores: Stores, event_id: EventId, published: bool, *, by: Author) -> None:
    """Show the sale to fans, or only to staff. Raises EventNotFound, Conflict once tickets are reserved."""
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id)
        if not published and await events.has_reservations(connection, event_id):
            raise Conflict("Tickets were reserved: their buyers could not reach the sale. Close it instead.")
        await update_event(connection, event, msgspec.structs.replace(event, published=published), by)
    await update_room(stores, event)


async def archive(stores: Stores, event_id: EventId, archived: bool, *, by: Author) -> None:
    """Archive a closed sale, which makes it unlisted and read-only, or take it out of the archive.

    Raises EventNotFound, Conflict.
    """
    async with transaction(stores) as connection:
        event = await events.lock_event(connection, event_id)
        if event is None:
            raise EventNotFound
        row = await rooms.lock_room(connection, event.room_id)
        if archived and (row is None or row.room.state != "closed"):
            raise Conflict("Close the sale first; only a sale that is over can be archived.")
        before = await sale_lives.select_life(connection, event_id)
        if (before.archived_at is not None) == archived:
            return
        await sale_lives.set_archived(connection, event_id, archived)
        fields: dict[str, Any] = {"before": {"archived": not archived}, "after": {"archived": archived}}
        await audit.record(connection, by, "change", Entity("event", event_id), **fields)
    await update_room(stores, event)


async def duplicate(
    stores: Stores, room: Room, event_id: EventId, name: str, starts_at: datetime, *, by: Author
) -> RoomId:
    """Create a draft from this sale: everything except its message, codes and people. Its times keep their
    distance from the start. Raises EventNotFound, AlreadyExists, and Conflict for a rehearsal.
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
    """The room of the sale's rehearsal, created if there is none. Raises EventNotFound."""
    event = await _event(stores, room)
    copy = _copy(event, EventId(f"rehearsal-{secrets.token_hex(ID_BYTES)}"), published=True)
    settings = msgspec.structs.replace(
        room.settings,
        **{**dict.fromkeys(TIMES), "message": "", "autopilot": None},
        test=True,
        public=False,
        members_only=False,  # anybody with its link can walk through it
        visitor_events=False,
    )
    async with transaction(stores) as connection:
        await lock_event(connection, event.event_id, selling=True)
        life = await sale_lives.select_life(connection, event.event_id)
        if life.rehearsal_of is not None:
            raise Conflict("This is already a rehearsal.")
        if life.rehearsal is not None:
            return life.rehearsal
        await _insert(connection, event, copy, settings, {"rehearsal_of": event.event_id}, by)
        await sale_lives.copy_grants(connection, event.event_id, copy.event_id)
    await update_room(stores, copy)
    return copy.room_id


async def wipe(stores: Stores, room: Room, *, by: Author) -> RoomId | None:
    """Delete a rehearsal with its visitors and purchases; returns the room of the real sale, if it exists.

    Can be repeated after an interruption. Raises EventNotFound, and Conflict if the sale is not a rehearsal.
    """
    event = await _event(stores, room)
    async with transaction(stores) as connection:
        locked = await events.lock_event(connection, event.event_id)
        life = await sale_lives.select_life(connection, event.event_id)
        if locked is None or life.rehearsal_of is None:
            raise Conflict("This is not a rehearsal; its sales cannot be deleted.")
        await sale_lives.note_rehearsed(connection, event.event_id)
        await sale_lives.delete_people(connection, event.event_id)
        before = msgspec.structs.asdict(event)
        await audit.record(connection, by, "delete", Entity("event", event.event_id), before=before)
        await events.delete_event(connection, event.event_id)
        real = await events.room_of(connection, life.rehearsal_of)
    stores.absent.forget("event", event.event_id)
    with stores_answer():
        await emptying.delete_with_event(stores, event.room_id, by=by)
    return real


async def _event(stores: Stores, room: Room) -> Event:
    if room.event_id is None:
        raise EventNotFound
    with stores_answer():
        row = await events.select_event(stores.postgres, room.event_id)
    if row is None:
        raise EventNotFound
    return row


def _copy(event: Event, event_id: EventId, **changed: Any) -> Event:
    """The event under another id; without having been cancelled or moved."""
    neither: dict[str, Any] = {**dict.fromkeys(CANCEL_OR_MOVE_FIELDS), "notice": ""}
    ids = {"event_id": event_id, "room_id": RoomId(event_id)}
    return msgspec.structs.replace(event, **{**neither, **ids, **changed})


async def _insert(
    connection: Connection,
    event: Event,
    copy: Event,
    settings: RoomSettings,
    more: dict[str, Any],
    by: Author,
) -> None:
    """Insert the copy with its room and everything it sells. Raises AlreadyExists."""
    if not await control.insert_room(connection, copy.room_id, settings, by=by):
        raise AlreadyExists(f"A room {copy.room_id} already exists.")
    fields = msgspec.to_builtins(copy)
    anew = {"search": events.search_text(copy), "revision": 0, "rehearsal_of": None, "rehearsed_at": None}
    changed = {**fields, **anew, "archived_at": None, **more}
    if not await sale_lives.copy_sale(connection, event.event_id, copy.event_id, changed):
        raise AlreadyExists(f"An event {copy.event_id} already exists.")
    after = msgspec.structs.asdict(copy)
    await audit.record(connection, by, "create", Entity("event", copy.event_id), after=after)


def _moved(settings: RoomSettings, event: Event, starts_at: datetime) -> dict[str, datetime | None]:
    """Shift the times of the sale so that their distance from the start is the same in local time."""
    zone = ZoneInfo(event.timezone)

    def moved(at: datetime | None) -> datetime | None:
        if at is None:
            return None
        before: timedelta = _naive(event.starts_at, zone) - _naive(at, zone)
        return (_naive(starts_at, zone) - before).replace(tzinfo=zone).astimezone(UTC)

    return {name: moved(getattr(settings, name)) for name in TIMES}


def _naive(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
