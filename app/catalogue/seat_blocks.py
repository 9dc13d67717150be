"""Seats that staff keep off sale, even while the sale is open: blocked, or kept for the house.

`keep_back.lua` decides which seats are free; Postgres has the final say through `one_holder_a_seat`. Both run
under the lock of the event and its ticket types. If interrupted in between, a seat is blocked in Redis only:
it is not sold, and the next reconciliation or release puts it back on sale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from app import audit
from app.audit import Entity
from app.catalogue.events import lock_event, room_of_event, transaction
from app.core.account import Author
from app.core.catalogue.seating import BLOCKED, FREE, KINDS
from app.core.errors import Restoring, ValidationFailed
from app.core.model import Event, EventId, TicketTypeId
from app.reservations.holds import keys_of, load_totals
from app.restoring.loaded_rooms import LoadedRooms
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.scripts import filling
from app.store.scripts.room import NotLoaded
from app.store.scripts.stock import RoomNotReady
from app.store.sql.catalogue import events, seat_blocks, seats
from app.store.sql.catalogue.seat_blocks import KeptSeat


class SeatsChanged(NamedTuple):
    """The seats now in the requested state, and those that are not, because they are held or sold."""

    done: list[str]
    taken: list[str]


async def block(
    rooms: LoadedRooms, event_id: EventId, seat_ids: Sequence[str], kept_as: str, *, by: Author
) -> SeatsChanged:
    """Take the free ones among these seats off sale; held and sold ones stay as they are.

    Raises EventNotFound, ValidationFailed for an unknown seat, Conflict in the archive, Restoring.
    """

    async def change(connection: Connection, event: Event) -> set[str]:
        keys = keys_of(event.room_id)
        free = await filling.keep_back(rooms.stores.redis, keys, seat_ids, to=BLOCKED)
        changed = await seat_blocks.block(connection, event_id, free, kept_as)
        now_blocked = {it.seat_id for it in await seat_blocks.select_kept(connection, event_id, free)}
        if lost := [it for it in free if it not in now_blocked]:  # taken, though Redis does not know it yet
            await filling.keep_back(rooms.stores.redis, keys, lost, to=FREE)
        await _record(connection, event_id, changed, 1, by)
        return now_blocked

    return await _changed(rooms, event_id, seat_ids, change)


async def release(
    rooms: LoadedRooms, event_id: EventId, seat_ids: Sequence[str], *, by: Author
) -> SeatsChanged:
    """Put the blocked ones among these seats on sale. Raises as `block`."""

    async def change(connection: Connection, event: Event) -> set[str]:
        changed = await seat_blocks.release(connection, event_id, seat_ids)
        free = await filling.keep_back(rooms.stores.redis, keys_of(event.room_id), seat_ids, to=FREE)
        await _record(connection, event_id, changed, -1, by)
        return set(free)

    return await _changed(rooms, event_id, seat_ids, change)


async def set_kind(
    stores: Stores, event_id: EventId, seat_ids: Sequence[str], kind: str, *, by: Author
) -> None:
    """Make seats accessible, companion seats, or neither (""), regardless of who has them.

    Raises EventNotFound, ValidationFailed for an unknown seat, Conflict in the archive.
    """
    async with transaction(stores) as connection:
        event = await lock_event(connection, event_id, selling=True)
        types = await seats.set_kind(connection, event_id, seat_ids, KINDS.get(kind))
        _check_known(seat_ids, types)
        for ticket_type_id in sorted(set(types.values())):
            of_type = sorted(it for it in types if types[it] == ticket_type_id)
            entity = Entity("ticket_type", f"{event_id}/{ticket_type_id}")
            after = {"seats": of_type, "seat_kind": kind or "neither"}
            await audit.record(connection, by, "change", entity, before={}, after=after)
    with stores_answer(), suppress(RoomNotReady):
        await load_totals(stores, event.room_id, event_id, again=True)


def _check_known(seat_ids: Sequence[str], known_seats: Collection[str]) -> None:
    for i, seat in enumerate(seat_ids):
        if seat not in known_seats:
            raise ValidationFailed(f"seat_ids[{i}]", "is not a seat of this event")


async def blocked_seats(stores: Stores, event_id: EventId) -> list[KeptSeat]:
    """The seats kept off sale by staff, in the order of the hall."""
    with stores_answer():
        return await seat_blocks.select_kept(stores.postgres, event_id)


async def _changed(
    rooms: LoadedRooms,
    event_id: EventId,
    seat_ids: Sequence[str],
    change: Callable[[Connection, Event], Awaitable[Collection[str]]],
) -> SeatsChanged:
    async def in_step() -> Collection[str]:
        async with transaction(rooms.stores) as connection:
            event = await lock_event(connection, event_id, selling=True)
            types = await seat_blocks.lock_types(connection, event_id, seat_ids)
            _check_known(seat_ids, types)
            try:
                return await change(connection, event)
            except RoomNotReady as away:
                raise (Restoring() if away.word == "restoring" else NotLoaded()) from None

    room_id = await room_of_event(rooms.stores, event_id)
    with stores_answer():
        done = await rooms.when_loaded(room_id, in_step)
        with suppress(RoomNotReady):  # a room being restored reads the totals itself
            await load_totals(rooms.stores, room_id, event_id)
    return SeatsChanged(
        [it for it in seat_ids if it in done], [it for it in dict.fromkeys(seat_ids) if it not in done]
    )


async def _record(
    connection: Connection, event_id: EventId, changed: Mapping[str, str], by_each: int, by: Author
) -> None:
    """Write an audit row for each ticket type with newly blocked or released seats."""
    for ticket_type_id, count in sorted(Counter(changed.values()).items()):
        seats = [seat for seat, of_type in changed.items() if of_type == ticket_type_id]
        ticket_type = await events.lock_ticket_type(connection, event_id, TicketTypeId(ticket_type_id))
        now = ticket_type.blocked if ticket_type else 0
        entity = Entity("ticket_type", f"{event_id}/{ticket_type_id}")
        await audit.record(
            *(connection, by, "change", entity),
            before={"blocked": now - by_each * count},
            after={"blocked": now, "seats": sorted(seats)},
        )
