"""The form that edits a sale: from the sale to form fields, and from the fields to the changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app.catalogue.editing import logged_terms
from app.core import zones
from app.core.catalogue.definitions import EventDefinition
from app.core.catalogue.sale_edit import (
    EVENT_FIELDS,
    ROOM_FIELDS,
    TYPE_FIELDS,
    Sale,
    SaleEdit,
    differing,
    locked,
    terms_of,
)
from app.core.model import Event, RoomSettings, Theme, TicketType, TicketTypeId
from app.core.text import typed
from app.store.sql.audit import Entry
from app.web.console.sale import form as sale_form
from app.web.console.sale import money as sale_money
from app.web.console.sale.form import LOOK, TIMES, SaleForm
from app.web.console.sale.money import PAYS, price_text, rate_text

RATE, RATE_WAS = "admission_rate_per_minute", "rate_was"
IN_LINE = re.compile(r"have-[0-9]+-id")
BOXES = ("sell_after_start", sale_money.BEFORE_TAX)  # checkboxes; browsers send only ticked ones
WINDOW = ("sale_from", "sale_until")  # of a ticket type
TYPED = (*TYPE_FIELDS, *(f"{it}-offset" for it in WINDOW))
TOTAL = {"quantity": "total"}


def form_of(sale: Sale) -> dict[str, str]:
    """The form fields of the sale."""
    event, settings = sale.event, sale.room.settings
    values = sale_form.settings_of(sale.room, event) | {"event_id": event.event_id, "name": event.name}
    values |= _local("starts_at", event.starts_at, event.timezone)
    for name in TIMES:
        values |= _local(name, getattr(settings, name), event.timezone)
    for i, ticket_type in enumerate(sale.types):
        terms = {
            "id": ticket_type.ticket_type_id,
            "name": ticket_type.name,
            "quantity": str(ticket_type.total),
        }
        terms |= {"price": price_text(ticket_type, event), "tax_rate_bp": rate_text(ticket_type.tax_rate_bp)}
        values |= {f"have-{i}-{name}": text for name, text in terms.items()}
        for name in WINDOW:
            values |= _local(f"have-{i}-{name}", getattr(ticket_type, name), event.timezone)
    return values | {"revision": str(sale.revision), RATE_WAS: values[RATE]}


def read(values: Mapping[str, str], sale: Sale) -> tuple[SaleForm, SaleEdit | None]:
    """Parse the submitted form into the changes to make; None if something is wrong."""
    present = form_of(sale)
    form = SaleForm(_by_id({name: it.strip() for name, it in values.items()}, present))
    for name in locked(sale):
        form.values.pop(f"{name}-offset", None)
        form.values |= {it: present[it] for it in (name, f"{name}-offset") if it in present}
    if form.values.get(RATE) == form.values.get(RATE_WAS):
        form.values[RATE] = present[RATE]  # the autopilot may have changed it since
    removed = _removed(form, sale)
    remaining = [it for it in sale.types if it.ticket_type_id not in removed]
    ids = {it.ticket_type_id: it.ticket_type_id for it in sale.types}
    document = sale_form.document_of(form, {typed.folded(text): it for text, it in ids.items()})
    having = [_having(form, sale, it) for it in sale.types]
    document["ticket_types"] = [*having, *document["ticket_types"]]
    if not remaining and len(document["ticket_types"]) == len(having) and not document["sections"]:
        form.wrong["type-0-name"] = "at least one kind of ticket has to be left"
    sale_form.define(form, document, len(having))
    if form.definition is None:
        return form, None
    return form, _edit(form.definition, sale, removed)


def _by_id(values: dict[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Rename the fields of existing ticket types to their current rows; new ones keep theirs."""
    sent = {it: name.removesuffix("-id") for name, it in values.items() if IN_LINE.fullmatch(name)}
    fields = {name: it for name, it in values.items() if not name.startswith("have-")}
    for name, it in present.items():
        if not IN_LINE.fullmatch(name):
            continue
        line, was = name.removesuffix("-id"), sent.get(it, "")
        fields |= {
            f"{line}-{field}": present[f"{line}-{field}"]
            for field in ("id", *TYPED)
            if f"{line}-{field}" in present
        }
        fields |= {
            f"{line}-{field}": values[f"{was}-{field}"]
            for field in (*TYPED, "gone")
            if was and f"{was}-{field}" in values
        }
    return fields


def merged(values: Mapping[str, str], sale: Sale, later: Sequence[Entry]) -> dict[str, str]:
    """Merge a form into a sale that was changed meanwhile: fields the editor left alone get their current
    value, fields that both changed keep what this editor typed."""
    present, base = form_of(sale), form_of(_before(sale, later))
    typed_in, current = _by_id(dict(values), present), dict(present)
    names = (typed_in.keys() | base.keys()) - {"revision", RATE_WAS}
    for name in names:
        if typed_in.get(name) == base.get(name) or (
            name not in typed_in and name not in BOXES and not name.startswith(PAYS)
        ):
            continue
        current.pop(name, None)
        if name in typed_in:
            current[name] = typed_in[name]
    return current


def _before(sale: Sale, later: Sequence[Entry]) -> Sale:
    """The sale before these changes (newest first)."""
    event, settings = msgspec.to_builtins(sale.event), msgspec.to_builtins(sale.room.settings)
    types = {it.ticket_type_id: it for it in sale.types}
    for entry in later:
        before = entry.change.before or {}
        if entry.change.kind == "event":
            event |= before
        elif entry.change.kind == "room":
            settings |= {name: value for name, value in before.items() if name in settings}
        elif (old := types.get(TicketTypeId(entry.change.id.rpartition("/")[2]))) is not None:
            terms = {
                TOTAL.get(name, name): value
                for name, value in logged_terms(before).items()
                if name in TYPE_FIELDS
            }
            types[old.ticket_type_id] = msgspec.structs.replace(old, **terms)
    room = msgspec.structs.replace(sale.room, settings=msgspec.convert(settings, RoomSettings))
    return msgspec.structs.replace(
        sale, event=msgspec.convert(event, Event), room=room, types=list(types.values())
    )


def _edit(definition: EventDefinition, sale: Sale, removed: list[TicketTypeId]) -> SaleEdit:
    event = differing(sale.event, definition, EVENT_FIELDS)
    room = differing(sale.room.settings, _with_pictures(definition, sale.room.settings), ROOM_FIELDS)
    if "name" in event and sale.room.settings.name == sale.event.name:
        room["name"] = event["name"]
    terms = {}
    for ticket_type, new in zip(sale.types, definition.ticket_types, strict=False):
        now, then = terms_of(ticket_type), {name: getattr(new, name) for name in TYPE_FIELDS}
        changed = {name: then[name] for name in then if then[name] != now[name]}
        if changed and ticket_type.ticket_type_id not in removed:
            terms[ticket_type.ticket_type_id] = changed
    added = list(definition.ticket_types[len(sale.types) :])
    return SaleEdit(event, room, terms, added, list(definition.sections), removed)


def _with_pictures(definition: EventDefinition, now: RoomSettings) -> RoomSettings:
    """The settings from the form, with the current pictures, which are edited elsewhere."""
    look: dict[str, Any] = {name: getattr(definition.room.theme, name) for name in LOOK}
    theme: Theme = msgspec.structs.replace(now.theme, **look)
    fields = {name: getattr(definition.room, name) for name in ROOM_FIELDS if name != "theme"}
    return msgspec.structs.replace(now, theme=theme, **fields)


def _having(form: SaleForm, sale: Sale, ticket_type: TicketType) -> dict[str, Any]:
    """The wanted state of an existing ticket type, renumbered to its row in the form."""
    i = sale.types.index(ticket_type)
    name, price = form.values.get(f"have-{i}-name", ""), form.values.get(f"have-{i}-price", "")
    if f"have-{i}-gone" in form.values:
        name, price = ticket_type.name, price_text(ticket_type, sale.event)
    quantity: int | None = ticket_type.total
    if not ticket_type.seated:
        quantity = typed.whole_number(form.values.get(f"have-{i}-quantity", ""))
        if quantity is None:
            form.wrong[f"have-{i}-quantity"] = "enter a whole number"
        elif quantity < ticket_type.held + ticket_type.sold:
            form.wrong[f"have-{i}-quantity"] = (
                f"{ticket_type.held + ticket_type.sold} are held or sold, so it cannot be less than that"
            )
    zone = form.values.get("zone", "")
    zone = zone if zone in zones.zones() else zones.UTC
    rate_bp = sale_money.rate(form.values, form.wrong, f"have-{i}-tax_rate_bp")
    cost = sale_money.price(form.values, form.wrong, f"have-{i}-price", price, rate_bp)
    return {
        "ticket_type_id": ticket_type.ticket_type_id,
        "name": name,
        "price": cost,
        "tax_rate_bp": rate_bp,
        "quantity": ticket_type.total if quantity is None else quantity,
        **{field: sale_form.moment(form, f"have-{i}-{field}", zone) for field in WINDOW},
    }


def _removed(form: SaleForm, sale: Sale) -> list[TicketTypeId]:
    """The ticket types ticked for removal, which is possible only before the first reservation."""
    if sale.reserved:
        return []
    return [
        it.ticket_type_id
        for i, it in enumerate(sale.types)
        if not it.seated and f"have-{i}-gone" in form.values
    ]


def _local(name: str, at: datetime | None, zone: str) -> dict[str, str]:
    """A moment as the value of its form field, in local time of the zone."""
    if at is None:
        return {name: ""}
    local = at.astimezone(ZoneInfo(zone))
    exact = local.second or local.microsecond
    text = local.replace(tzinfo=None).isoformat(timespec="auto" if exact else "minutes")
    which = {f"{name}-offset": zones.offset_name(local)} if zones.is_doubled(local) else {}
    return {name: text} | which
