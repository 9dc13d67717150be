"""Editing a sale as a whole: event, room and tickets in one step, and undoing it. All or nothing.

Two people may edit at once. Each form carries the revision of the sale when it was shown (`Sale.revision`, an
`audit_id`); if there is a later change, nothing is written, and the later changes are reported.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from app.catalogue import ticket_types
from app.catalogue.events import lock_event, transaction, update_event, update_room
from app.core.account import Author
from app.core.catalogue import seating
from app.core.catalogue.definitions import SEATS_OF_EVENT_MAX
from app.core.catalogue.sale_edit import Sale, SaleEdit
from app.core.catalogue.sale_life import CANCEL_OR_MOVE_FIELDS
from app.core.clock import now_ms
from app.core.errors import Conflict, EventNotFound, TicketTypeNotFound
from app.core.model import Event, EventId, Room, RoomId, RoomSettings, TicketTypeId
from app.core.waiting_room import rules
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.audit import Entry, Fields, select_of_sale
from app.store.sql.catalogue import events
from app.store.sql.waiting_room import rooms
from app.waiting_room import control

TERMS = ("name", "price", "tax_rate_bp", "quantity", "sale_from", "sale_until")
CHANGES_MAX = 200  # examined; one edit makes a few
CHANGED = "The sale has changed in the meantime; look at it again."


class EditConflict(Conflict):
    """Somebody else changed the sale in the meantime; `changes` are theirs, newest first."""

    def __init__(self, changes: list[Entry]) -> None:
        super().__init__(CHANGED)
        self.changes = changes


async def sale(stores: Stores, room: Room) -> Sale:
    """The current sale of a room. Raises EventNotFound if the room belongs to a site."""
    if room.event_id is None:
        raise EventNotFound
    with stores_answer():
        postgres = stores.postgres
        last = await select_of_sale(postgres, room.room_id, room.event_id, 1)
        event = await events.select_event(postgres, room.event_id)
        if event is None:
            raise EventNotFound
        state = rules.due_state(room.state, room.settings, now_ms())
        return Sale(
            event=event,
            room=msgspec.structs.replace(room, state=state),
            types=await events.select_ticket_types(postgres, event.event_id),
            reserved=await events.has_reservations(postgres, event.event_id),
            revision=last[0].audit_id if last else 0,
        )


async def edits(stores: Stores, room_id: RoomId, event_id: EventId, limit: int) -> list[Entry]:
    """The last changes to a sale by staff, newest first."""
    with stores_answer():
        return await select_of_sale(stores.postgres, room_id, event_id, limit)


async def sale_edit_of(stores: Stores, room: Room, audit_id: int) -> int:
    """If this change of the room was made together with other changes of its sale, the id of the last of
    them, which undoes them all; else 0."""
    if room.event_id is None:
        return 0
    entries = await edits(stores, room.room_id, room.event_id, CHANGES_MAX)
    of_room = next((it for it in entries if it.audit_id == audit_id), None)
    if of_room is None:
        return 0
    step = [it for it in entries if (it.request_id, it.subject) == (of_room.request_id, of_room.subject)]
    return step[0].audit_id if any(it.change.kind != "room" for it in step) else 0


async def edit(stores: Stores, event_id: EventId, changes: SaleEdit, revision: int, *, by: Author) -> Event:
    """Change a sale that nobody has changed since `revision`.

    Raises EditConflict, EventNotFound, ValidationFailed, Conflict, QueueingMethodLocked, AlreadyExists.
    """
    sections = seating.whole_sections(changes.sections, SEATS_OF_EVENT_MAX)
    async with transaction(stores) as connection:
        event, room = await _locked(connection, event_id)
        entries = await select_of_sale(connection, event.room_id, event_id, CHANGES_MAX)
        if later := [it for it in entries if it.audit_id > revision]:
            raise EditConflict(later)
        changed = msgspec.structs.replace(event, **changes.event)
        await update_event(connection, event, changed, by)
        await _change_room(connection, room, msgspec.to_builtins(changes.room), by)
        for ticket_type_id, terms in changes.terms.items():
            await _change_terms(connection, event_id, ticket_type_id, terms, by)
        for ticket_type_id in changes.removed:  # those with free tickets in Redis first, too
            await _change_terms(connection, event_id, ticket_type_id, {"quantity": 0}, by)
        for new in changes.types:
            await ticket_types.insert(connection, event_id, new, by)
        for section in sections:
            await ticket_types.insert_section(connection, event_id, section, by)
    await update_room(stores, changed)
    await _remove(stores, event_id, changes.removed, by)
    return changed


async def undo(stores: Stores, event_id: EventId, audit_id: int, *, by: Author) -> Event:
    """Undo the last edit of a sale: everything changed in the same step.

    Raises EventNotFound, and Conflict if it is no longer the last change, or cannot be undone.
    """
    async with transaction(stores) as connection:
        event, room = await _locked(connection, event_id)
        entries = await select_of_sale(connection, event.room_id, event_id, CHANGES_MAX)
        if not entries or entries[0].audit_id != audit_id:
            raise Conflict(CHANGED)
        for entry in last_step(entries):
            before, after = entry.change.before or {}, entry.change.after or {}
            if not _is_undoable(entry):
                raise Conflict("This change cannot be undone.")
            if entry.change.kind == "room":
                await control.write_room(
                    connection, room, control.reverted(room, before, after), "change", by
                )
            elif entry.change.kind == "event":
                await update_event(connection, event, _event_before(event, entry), by)
            else:
                ticket_type_id = TicketTypeId(entry.change.id.rpartition("/")[2])
                await _change_terms(connection, event_id, ticket_type_id, logged_terms(before), by)
    await update_room(stores, event)
    return event


def last_step(entries: list[Entry]) -> list[Entry]:
    """The changes made together with the newest one."""
    return [
        it for it in entries if it.request_id == entries[0].request_id and it.subject == entries[0].subject
    ]


def undoable(entries: list[Entry]) -> bool:
    """Whether the newest change, with everything made together with it, can be undone."""
    return bool(entries) and all(map(_is_undoable, last_step(entries)))


def _is_undoable(entry: Entry) -> bool:
    """Whether only plain fields were changed, which can be written back as logged."""
    event = {*Event.__struct_fields__} - {*CANCEL_OR_MOVE_FIELDS}
    fields_of = {"room": RoomSettings.__struct_fields__, "event": event, "ticket_type": TERMS}
    return entry.change.action == "change" and {*(entry.change.after or {})} <= {
        *fields_of[entry.change.kind],
        "why",
    }


def logged_terms(fields: Fields) -> dict[str, Any]:
    """Decode the terms of a ticket type from the log."""
    return {
        name: datetime.fromisoformat(it) if name.startswith("sale_") and it else it
        for name, it in fields.items()
    }


async def _locked(connection: Connection, event_id: EventId) -> tuple[Event, Room]:
    event = await lock_event(connection, event_id)
    row = await rooms.lock_room(connection, event.room_id)
    assert row is not None  # the event refers to it
    state = rules.due_state(row.room.state, row.room.settings, now_ms())
    return event, msgspec.structs.replace(row.room, state=state)


async def _change_room(connection: Connection, room: Room, patch: dict[str, Any], by: Author) -> None:
    after = control.patched(room, patch) if patch else room
    if after != room:
        await control.write_room(connection, room, after, "change", by)


async def _change_terms(
    connection: Connection, event_id: EventId, ticket_type_id: TicketTypeId, terms: dict[str, Any], by: Author
) -> None:
    before = await events.lock_ticket_type(connection, event_id, ticket_type_id)
    if before is None:
        raise TicketTypeNotFound
    await ticket_types.update(connection, event_id, before, terms, by)


async def _remove(stores: Stores, event_id: EventId, removed: list[TicketTypeId], by: Author) -> None:
    """Delete ticket types without any tickets left to be sold."""
    for ticket_type_id in removed:
        async with transaction(stores) as connection:
            ticket_type = await events.lock_ticket_type(connection, event_id, ticket_type_id)
            if (
                ticket_type
                and not ticket_type.total
                and await events.delete_ticket_type(connection, event_id, ticket_type_id)
            ):
                await ticket_types.record_delete(connection, event_id, ticket_type, by)


def _event_before(event: Event, entry: Entry) -> Event:
    """The event before a change. Raises Conflict if it has been changed since."""
    now, before, after = msgspec.to_builtins(event), entry.change.before or {}, entry.change.after or {}
    restored = msgspec.to_builtins(msgspec.convert(now | after, Event))
    if any(now[name] != restored[name] for name in after):
        raise Conflict(CHANGED)
    return msgspec.convert(now | before, Event)
