"""Creates or updates an event from a definition, such as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from app.catalogue import ticket_types
from app.catalogue.events import ARCHIVED, event_of, insert_event, transaction, update_event, update_room
from app.core.account import Author
from app.core.catalogue import seating
from app.core.catalogue.definitions import (
    SEATS_OF_EVENT_MAX,
    EventDefinition,
    EventPatch,
    TicketTypePatch,
)
from app.core.catalogue.seating import Section
from app.core.errors import Conflict
from app.core.model import Event, Struct, TicketTypeId
from app.store.connections import Stores
from app.store.sql.catalogue import events, sale_lives


async def import_event(
    stores: Stores,
    definition: EventDefinition,
    progress: Callable[[Section], None] = lambda _: None,
    *,
    source: Mapping[str, Any] | None = None,
    by: Author,
) -> tuple[Event, bool]:
    """Create the event with everything it sells, or update the existing one to the definition. True if
    created.

    `source` is the definition as written: what it does not mention is left unchanged. So are the settings of
    an existing room; the seats of an existing section must equal those of the definition. `progress` is
    called for each section. Raises Conflict, AlreadyExists, ValidationFailed.
    """
    written = msgspec.to_builtins(definition) if source is None else source
    sections = seating.whole_sections(definition.sections, SEATS_OF_EVENT_MAX)
    async with transaction(stores) as connection:
        event = event_of(definition)
        before = await events.lock_event(connection, event.event_id)
        if before is None:
            await insert_event(connection, event, definition, by)
        elif await sale_lives.is_archived(connection, before.room_id):
            raise Conflict(ARCHIVED)
        else:
            event = msgspec.structs.replace(before, **_fields_given(definition, written, EventPatch))
            await update_event(connection, before, event, by)
        for new, about in zip(definition.ticket_types, written.get("ticket_types", ()), strict=True):
            old = await events.lock_ticket_type(connection, event.event_id, TicketTypeId(new.ticket_type_id))
            if old is None:
                await ticket_types.insert(connection, event.event_id, new, by)
            else:
                terms = _fields_given(new, about, TicketTypePatch)
                await ticket_types.update(connection, event.event_id, old, terms, by)
        for section, about in zip(sections, written.get("sections", ()), strict=True):
            terms = _fields_given(section, about, TicketTypePatch)
            await ticket_types.upsert_section(connection, event.event_id, section, terms, by)
            progress(section)
    await update_room(stores, event)
    return event, before is None


def _fields_given(
    definition: Struct | Section, source: Mapping[str, Any], patch: type[Struct]
) -> dict[str, Any]:
    """The changeable fields among those written in the definition."""
    return {it: getattr(definition, it) for it in patch.__struct_fields__ if it in source}
