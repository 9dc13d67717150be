"""A sale edited as a whole, and what was changed meanwhile: refused, reported, never overwritten."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalogue import editing, events, seat_blocks
from app.catalogue.editing import EditConflict
from app.core.catalogue.definitions import EventPatch, NewSection, NewTicketType
from app.core.catalogue.sale_edit import Sale, SaleEdit
from app.core.errors import Conflict, EventNotFound, TicketTypeNotFound
from app.core.model import EventId, TicketTypeId
from app.store.connections import Stores
from tests.support.builders import a_stored_room
from tests.support.catalogue import FLOOR, SPRING, by, create_sale, room_of, totals


def changes(**changed: Any) -> SaleEdit:
    """An edit of these parts only."""
    nothing: dict[str, Any] = {
        "event": {},
        "room": {},
        "terms": {},
        "types": [],
        "sections": [],
        "removed": [],
    }
    return SaleEdit(**nothing | changed)


async def sale(stores: Stores) -> Sale:
    return await editing.sale(stores, await room_of(stores))


async def edit(stores: Stores, request_id: str = "edit", **changed: Any) -> Sale:
    """Edit the sale as it is now; returns it as it was before."""
    before = await sale(stores)
    await editing.edit(stores, SPRING, changes(**changed), before.revision, by=by(request_id))
    return before


async def test_types_and_sections_are_added_and_removed_in_one_step(stores: Stores) -> None:
    await create_sale(stores)
    box = NewTicketType(ticket_type_id="box", name="Box", price=9000, quantity=4)
    circle = NewSection(name="Circle", price=4000, rows=1, seats_per_row=2)
    await edit(stores, event={"venue": "Arena"}, types=[box], sections=[circle], removed=[FLOOR])
    after = await sale(stores)
    assert after.event.venue == "Arena"
    assert await totals(stores) == {"stalls": 6, "box": 4, "circle": 2}


async def test_a_removed_type_stays_with_no_tickets_once_something_was_reserved(stores: Stores) -> None:
    await create_sale(stores)
    await stores.postgres.execute(
        "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency, "
        "fingerprint, expires_at) VALUES ('r', 'spring', 'v', 'expired', '[]', 0, 'EUR', 'f', now())"
    )
    await edit(stores, removed=[FLOOR])
    assert await totals(stores) == {"floor": 0, "stalls": 6}


async def test_what_somebody_else_changed_is_reported_and_nothing_is_written(stores: Stores) -> None:
    await create_sale(stores)
    mine = await edit(stores, "hers", event={"venue": "Arena"}, room={"message": "Welcome"})
    theirs = await sale(stores)
    with pytest.raises(EditConflict) as refused:
        await editing.edit(
            stores, SPRING, changes(event={"venue": "Park"}), mine.revision, by=by("his", "bob")
        )
    assert [(it.change.kind, it.subject) for it in refused.value.changes] == [
        ("room", "ann"),
        ("event", "ann"),
    ]
    assert await sale(stores) == theirs


async def test_an_edit_that_fails_halfway_changes_nothing(stores: Stores) -> None:
    await create_sale(stores)
    before = await sale(stores)
    gone = {TicketTypeId("gone"): {"price": 1}}
    with pytest.raises(TicketTypeNotFound):
        await edit(stores, event={"venue": "Arena"}, room={"message": "Welcome"}, terms=gone)
    assert await sale(stores) == before


async def test_there_is_no_sale_without_an_event(stores: Stores) -> None:
    site = await room_of(stores, await a_stored_room(stores))
    assert await editing.sale_edit_of(stores, site, 1) == 0
    with pytest.raises(EventNotFound):
        await editing.sale(stores, site)
    await create_sale(stores)
    room = await room_of(stores)
    await events.delete_event(stores, SPRING, by=by("delete"))
    with pytest.raises(EventNotFound):
        await editing.sale(stores, room)
    with pytest.raises(EventNotFound):
        await editing.edit(stores, SPRING, changes(event={"venue": "Arena"}), 99, by=by("late"))


async def test_the_change_of_a_room_leads_to_the_edit_it_was_part_of(stores: Stores) -> None:
    await create_sale(stores)
    await edit(stores, "both", event={"venue": "Arena"}, room={"message": "Welcome"})
    of_room, of_event = await editing.edits(stores, (await room_of(stores)).room_id, SPRING, 2)
    assert (of_room.change.kind, of_event.change.kind) == ("room", "event")
    room = await room_of(stores)
    assert await editing.sale_edit_of(stores, room, of_room.audit_id) == of_room.audit_id
    assert await editing.sale_edit_of(stores, room, of_room.audit_id + 1) == 0, "no change of this sale"
    await edit(stores, "room alone", room={"message": "Hurry"})
    [alone] = await editing.edits(stores, room.room_id, SPRING, 1)
    assert await editing.sale_edit_of(stores, room, alone.audit_id) == 0, "the cockpit undoes it by itself"


async def test_an_edit_is_undone_together_and_only_while_it_is_the_last(stores: Stores) -> None:
    await create_sale(stores)
    before = await edit(
        stores, event={"venue": "Arena"}, room={"message": "Welcome"}, terms={FLOOR: {"price": 6000}}
    )
    number = (await sale(stores)).revision
    await editing.undo(stores, SPRING, number, by=by("undo"))
    after = await sale(stores)
    assert (after.event, after.types) == (before.event, before.types)
    assert after.room.settings == before.room.settings
    with pytest.raises(Conflict, match="changed in the meantime"):
        await editing.undo(stores, SPRING, number, by=by("again"))
    assert await sale(stores) == after


async def test_what_is_more_than_a_plain_field_is_not_undone(stores: Stores) -> None:
    await create_sale(stores)
    created = await sale(stores)
    with pytest.raises(Conflict, match="cannot be undone"):
        await editing.undo(stores, SPRING, created.revision, by=by("undo"))
    await seat_blocks.set_kind(stores, SPRING, ["stalls-a-1"], "accessible", by=by("kind"))
    entries = await editing.edits(stores, created.room.room_id, SPRING, 1)
    assert not editing.undoable(entries)
    with pytest.raises(Conflict, match="cannot be undone"):
        await editing.undo(stores, SPRING, entries[0].audit_id, by=by("undo"))
    assert not editing.undoable([])


async def test_what_the_log_does_not_know_is_not_overwritten_by_undoing(stores: Stores) -> None:
    await create_sale(stores)
    await events.change_event(stores, SPRING, EventPatch(venue="Arena"), by=by("venue"))
    number = (await sale(stores)).revision
    await stores.postgres.execute("UPDATE events SET venue = 'Park'")  # by hand, in the database
    with pytest.raises(Conflict, match="changed in the meantime"):
        await editing.undo(stores, SPRING, number, by=by("undo"))
    assert (await sale(stores)).event.venue == "Park"


async def test_the_sale_of_another_event_is_no_part_of_it(stores: Stores) -> None:
    await create_sale(stores)
    revision = (await sale(stores)).revision
    await create_sale(stores, event_id="spring-2")
    assert (await sale(stores)).revision == revision
    assert await totals(stores, EventId("spring-2")) == await totals(stores)
