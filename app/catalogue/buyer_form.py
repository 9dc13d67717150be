"""The form that an event's buyers fill in before they pay."""

from __future__ import annotations

import msgspec

from app import audit
from app.audit import Entity
from app.catalogue.events import existing, transaction
from app.core.account import Author
from app.core.errors import EventNotFound
from app.core.model import EventId
from app.core.reservations.buyers import BuyerForm, check_form
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.reservations import buyers


async def form_of(stores: Stores, event_id: EventId) -> BuyerForm:
    """The form for an event's buyers. Raises EventNotFound, StoreUnavailable."""
    with stores_answer():
        return await existing(stores, event_id, buyers.form_of)


async def set_form(stores: Stores, event_id: EventId, form: BuyerForm, *, by: Author) -> None:
    """Replace the form. Existing answers stay. Raises EventNotFound, ValidationFailed."""
    check_form(form)
    async with transaction(stores) as connection:
        before = await buyers.form_of(connection, event_id)
        if before is None:
            raise EventNotFound
        await buyers.set_form(connection, event_id, form)
        fields = {"before": _fields(before), "after": _fields(form)}
        await audit.record(connection, by, "change", Entity("event", event_id), **fields)


def _fields(form: BuyerForm) -> dict[str, object]:
    return {f"buyer_{name}": value for name, value in msgspec.to_builtins(form).items()}
