"""The plan of a hall: positions of its sections, set by staff."""

from __future__ import annotations

from app import audit
from app.audit import Entity
from app.catalogue.events import lock_event, transaction
from app.core.account import Author
from app.core.catalogue import seat_plan
from app.core.catalogue.seat_plan import PlacedSection
from app.core.errors import ValidationFailed
from app.core.model import EventId
from app.store.connections import Stores
from app.store.sql.catalogue import events, seats


async def save(stores: Stores, event_id: EventId, placed: list[PlacedSection], *, by: Author) -> None:
    """Place these sections, and all others wherever they fit.

    Raises EventNotFound, ValidationFailed for an unknown section, Conflict in the archive.
    """
    await _write(stores, event_id, placed, by, others=True)


async def place(stores: Stores, event_id: EventId, placed: list[PlacedSection], *, by: Author) -> None:
    """Place these sections, and leave the others where they are. Raises as `save`."""
    if placed:
        await _write(stores, event_id, placed, by, others=False)


async def _write(
    stores: Stores, event_id: EventId, placed: list[PlacedSection], by: Author, *, others: bool
) -> None:
    async with transaction(stores) as connection:
        await lock_event(connection, event_id, selling=True)
        types = await events.select_ticket_types(connection, event_id)
        had: dict[str, str | None] = {it.ticket_type_id: it.plan for it in types if it.seated}
        plans = dict.fromkeys(had) if others else dict(had)
        for i, section in enumerate(placed):
            if section.ticket_type_id not in plans:
                raise ValidationFailed(f"sections[{i}].ticket_type_id", "is not a section of this event")
            plans[section.ticket_type_id] = seat_plan.place_text(section)
        for ticket_type_id, plan in plans.items():
            before, after = {"plan": _words(had[ticket_type_id])}, {"plan": _words(plan)}
            if before != after:
                await seats.set_plan(connection, event_id, ticket_type_id, plan)
                entity = Entity("ticket_type", f"{event_id}/{ticket_type_id}")
                await audit.record(connection, by, "change", entity, before=before, after=after)


def _words(plan: str | None) -> str:
    """Format a position for the log."""
    plan_read = seat_plan.read(plan)
    return f"{plan_read.x:g}, {plan_read.y:g}, turned {plan_read.turn:g}" if plan_read else "where it fits"
