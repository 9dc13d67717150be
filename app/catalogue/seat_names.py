"""Renaming the rows and seats of a section, even after tickets for it were sold.

A seat's name is part of its id, which occurs in many places in both stores. In Postgres all of them change in
one transaction; the room in Redis is then loaded again. To that end the room is marked as not loaded: nothing
is decided under the old names, and the epoch raised in the transaction voids earlier decisions. If
interrupted anywhere, the room's next user loads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app import audit
from app.audit import Entity
from app.catalogue.events import lock_event, room_of_event, transaction
from app.core.account import Author
from app.core.catalogue import seat_names
from app.core.catalogue.seat_names import NewName
from app.core.errors import Conflict, Restoring, ValidationFailed
from app.core.model import EventId, RoomId, TicketType, TicketTypeId
from app.restoring.loaded_rooms import LoadedRooms
from app.restoring.room import rebuild_room
from app.store.away import stores_answer
from app.store.connections import Connection
from app.store.keys import RoomKeys
from app.store.redis.loaded import note_outdated
from app.store.scripts import room as room_scripts
from app.store.sql.catalogue import events, seats
from app.store.sql.catalogue import seat_names as stored
from app.store.sql.locks import try_lock

QUIET = ("scheduled", "paused", "closed")  # states in which nobody chooses seats
RUNNING = "Pause the sale first, so that nobody is choosing seats by their old names."
HELD = "Seats of this section are held. Try again when these holds have ended."


class NewNames(NamedTuple):
    """The new names of the rows, the front one first, and of their seats; `numbering` in place of the
    latter."""

    rows: Sequence[str]
    seats: Sequence[str]
    numbering: str = ""


class RenamedSeats(NamedTuple):
    """How many seats were renamed, and how many sold tickets are affected."""

    seats: int
    sold: int


async def rename(
    of: LoadedRooms, event_id: EventId, ticket_type_id: TicketTypeId, new: NewNames, *, by: Author
) -> RenamedSeats:
    """Rename rows and seats of a section.

    Raises EventNotFound, ValidationFailed naming the field, Conflict while the sale runs, while seats of the
    section are held, or in the archive, Restoring.
    """
    room_id = await room_of_event(of.stores, event_id)
    keys = RoomKeys(room_id)
    with stores_answer():
        now = await of.when_loaded(
            room_id, lambda: room_scripts.status(of.stores.redis, keys), lambda status: status
        )
    if now.state not in QUIET:
        raise Conflict(RUNNING)
    begun = False
    try:
        async with transaction(of.stores) as connection:
            if not await try_lock(connection, "fairgate restore", room_id):
                raise Restoring
            names = await _names(connection, event_id, ticket_type_id, new)
            if not names:
                return RenamedSeats(0, 0)
            begun = True
            await note_outdated(of.stores.redis, keys)
            sold = await _write(connection, room_id, event_id, ticket_type_id, names)
            await _record(connection, event_id, ticket_type_id, names, by)
    finally:
        if begun:
            with stores_answer():
                await rebuild_room(of.stores, room_id)
    return RenamedSeats(len(names), sold)


async def _names(
    connection: Connection, event_id: EventId, ticket_type_id: TicketTypeId, new: NewNames
) -> list[NewName]:
    """The seats whose names change. Raises as `rename`."""
    await lock_event(connection, event_id, selling=True)
    types = await events.select_ticket_types(connection, event_id)
    _check(next((it for it in types if it.ticket_type_id == ticket_type_id), None))
    rows = (await seats.select_rows(connection, event_id, [ticket_type_id])).get(ticket_type_id, [])
    if not len(rows) == len(new.rows) == len(new.seats):
        raise ValidationFailed("rows", "do not match the current number of rows in the section")
    return seat_names.renamed(ticket_type_id, rows, *new)


def _check(section: TicketType | None) -> None:
    if section is None or not section.seated:
        raise ValidationFailed("section", "is not a section of this sale")
    if section.held:
        raise Conflict(HELD)


async def _write(
    connection: Connection,
    room_id: RoomId,
    event_id: EventId,
    ticket_type_id: TicketTypeId,
    names: Sequence[NewName],
) -> int:
    """Change the names under a new epoch; returns how many sold tickets are affected."""
    await stored.raise_epoch(connection, room_id)
    line = msgspec.json.encode([{"ticket_type_id": ticket_type_id}]).decode()
    await stored.lock_orders(connection, event_id, line)
    # checked again under the lock
    _check(await events.lock_ticket_type(connection, event_id, ticket_type_id))
    return await stored.rename(connection, event_id, line, names)


async def _record(
    connection: Connection,
    event_id: EventId,
    ticket_type_id: TicketTypeId,
    names: Sequence[NewName],
    by: Author,
) -> None:
    before, after = {"seats": [it.was for it in names]}, {"seats": [it.is_now for it in names]}
    entity = Entity("ticket_type", f"{event_id}/{ticket_type_id}")
    await audit.record(connection, by, "change", entity, before=before, after=after)
