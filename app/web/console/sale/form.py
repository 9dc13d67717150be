"""Converts the form of a sale to its definition, and a sale to its form.

All errors are reported at once, beside their fields. Times are local to a named zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from app.core.catalogue import typed_seats
from app.core.catalogue.definition_errors import Keys, find_errors
from app.core.catalogue.definitions import EventDefinition
from app.core.catalogue.seating import new_slug
from app.core.errors import ValidationFailed
from app.core.formats import PATTERN_MEANS, ZONE
from app.core.model import Event, Room
from app.core.text import typed
from app.core.zones import UTC, zones
from app.web.console.sale import local_times
from app.web.console.sale import money as sale_money
from app.web.console.sale.local_times import LocalTime

TYPE_FIELDS = ("name", "price", "tax_rate_bp", "quantity")
SECTION_FIELDS = ("name", "price", "tax_rate_bp", "rows", "seats_per_row", "row_names", "numbering")
SECTION_AS = {"blocks": "seats_per_row", "naming": "row_names"}  # where a section field's errors appear
WORDS = ("name", "artist", "venue", "currency")
TIMES = ("prequeue_at", "opens_at", "closes_at")
EVENT_NUMBERS = ("max_tickets_per_visitor", "hold_ttl_s", "hold_extend_s")
ROOM_NUMBERS = ("admission_rate_per_minute", "active_visitors_max", "claim_window_s", "session_ttl_s")
DURATIONS = ("hold_ttl_s", "hold_extend_s", "claim_window_s", "session_ttl_s")
LOOK = ("accent", "paper", "welcome", "footer")
LINES_MIN, LINES_MAX = 3, 100
DIGITS_MAX = 3  # of a row number
BEGIN = {
    "zone": UTC,
    "currency": "EUR",
    "max_tickets_per_visitor": "10",
    "hold_ttl_s": "5 min",
    "admission_rate_per_minute": "600",
    "active_visitors_max": "1000",
    "claim_window_s": "2 min",
    "session_ttl_s": "10 min",
    "queueing_method": "fifo",
    "draw_entropy": "none",
}


@dataclass
class SaleForm:
    """The fields as typed, the definition they result in (None if invalid), and errors by field."""

    values: dict[str, str]
    definition: EventDefinition | None = None
    wrong: dict[str, str] = field(default_factory=dict)
    doubled: dict[str, list[LocalTime]] = field(default_factory=dict)  # by field of an ambiguous time

    def lines(self, kind: str) -> int:
        """How many rows of ticket types or sections to show."""
        lines = {name.split("-")[1] for name, it in self.values.items() if name.startswith(f"{kind}-") and it}
        used = [int(it) for it in lines if it.isascii() and it.isdigit() and len(it) <= DIGITS_MAX]
        return min(LINES_MAX, max([LINES_MIN, *(n + 2 for n in used)]))


def read(values: dict[str, str]) -> SaleForm:
    """Parse the submitted form."""
    form = SaleForm({name: it.strip() for name, it in values.items()})
    document = document_of(form, {})
    if not document["ticket_types"] and not document["sections"]:
        form.wrong["type-0-name"] = "add at least one ticket type or one section of seats"
    define(form, document)
    return form


def define(form: SaleForm, document: dict[str, Any], existing: int = 0) -> None:
    """Set the form's definition from `document`, or the errors in it.

    `existing`: how many of the first ticket types already exist; their fields are called `have-...`.
    """
    for keys, text in find_errors(document):
        form.wrong.setdefault(_field(keys, existing), text)
    taken = {it["ticket_type_id"] for it in document["ticket_types"]}
    for i, section in enumerate(document["sections"]):
        if section["ticket_type_id"] in taken:
            form.wrong.setdefault(f"section-{i}-name", "is already the name of a ticket type above")
    if not form.wrong:
        form.definition = msgspec.convert(document, EventDefinition)


def settings_of(room: Room, event: Event | None) -> dict[str, str]:
    """The fields of a sale, except ids, times and tickets."""
    settings, cap = room.settings, room.settings.active_visitors_max
    values = BEGIN | {name: _as_text(name, getattr(settings, name)) for name in ROOM_NUMBERS}
    values |= {"active_visitors_max": "" if cap is None else str(cap)}
    values |= {name: getattr(settings, name) for name in ("queueing_method", "draw_entropy", "message")}
    values |= {"name": settings.name} | {name: getattr(settings.theme, name) for name in LOOK}
    if event is not None:
        values |= {name: _as_text(name, getattr(event, name)) for name in (*WORDS, *EVENT_NUMBERS)}
        values |= sale_money.money_values(event)
        values |= {"zone": event.timezone} | ({"sell_after_start": "on"} if event.sell_after_start else {})
    return values


def _as_text(name: str, value: Any) -> str:
    if name == "hold_extend_s" and not value:
        return ""
    return typed.duration_text(value) if name in DURATIONS else str(value)


def document_of(form: SaleForm, ids: dict[str, str]) -> dict[str, Any]:
    """Convert the fields to the JSON values of a definition; `ids`: the taken ids, by name."""
    values = form.values
    zone = values.get("zone", "") or UTC
    if zone not in zones():
        form.wrong["zone"] = PATTERN_MEANS[ZONE]
        zone = UTC
    room: dict[str, Any] = {
        "queueing_method": values.get("queueing_method", "fifo"),
        "draw_entropy": values.get("draw_entropy", "none"),
        "message": values.get("message", "").replace("\r\n", "\n"),
        "theme": {name: values.get(name, "").replace("\r\n", "\n") for name in LOOK}
        | ({"logo": values["logo"]} if values.get("logo") else {}),  # present only in the form of a new sale
        **{name: moment(form, name, zone) for name in TIMES},
        **{name: _number(form, name) for name in ROOM_NUMBERS},
    }
    return {
        "event_id": values.get("event_id") or new_slug(values.get("name", ""), (), "event"),
        **{name: values.get(name, "") for name in WORDS},
        "starts_at": moment(form, "starts_at", zone),
        "timezone": zone,
        "sell_after_start": "sell_after_start" in values,
        **sale_money.of_event(values, form.wrong),
        "published": "published" in values,
        **{name: _number(form, name) for name in EVENT_NUMBERS},
        "ticket_types": [
            {"ticket_type_id": _id(ids, line), "name": line["name"], **_terms(form, "type", i, line)}
            for i, line in _lines(form, "type", TYPE_FIELDS)
        ],
        "sections": [
            {"ticket_type_id": _id(ids, line), "name": line["name"], **_section(form, i, line)}
            for i, line in _lines(form, "section", SECTION_FIELDS)
        ],
        "room": room,
    }


def _id(ids: dict[str, str], line: Mapping[str, str]) -> str:
    """The id of a ticket type or section, derived from its name and unique per name."""
    name = typed.folded(line["name"])
    return ids.setdefault(name, new_slug(name, ids.values(), "tickets"))


def _lines(form: SaleForm, kind: str, names: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows that are not blank, moved up, so that row i is item i."""
    lines = []
    for i in range(LINES_MAX):
        line = {name: form.values.pop(f"{kind}-{i}-{name}", "") for name in names}
        if any(line.values()):
            lines.append(line)
    for i, line in enumerate(lines):
        form.values.update({f"{kind}-{i}-{name}": it for name, it in line.items()})
    return list(enumerate(lines))


def _terms(form: SaleForm, kind: str, i: int, line: dict[str, str]) -> dict[str, Any]:
    at = f"{kind}-{i}"
    terms: dict[str, Any] = {"tax_rate_bp": sale_money.rate(form.values, form.wrong, f"{at}-tax_rate_bp")}
    terms["price"] = sale_money.price(
        form.values, form.wrong, f"{at}-price", line["price"], terms["tax_rate_bp"]
    )
    return terms | {
        name: _number(form, f"{at}-{name}") for name in line if name not in ("name", "price", "tax_rate_bp")
    }


def _section(form: SaleForm, i: int, line: dict[str, str]) -> dict[str, Any]:
    """Read a section: its seats per row (`20`, `18, 20` or `6+8+6`) and its naming."""
    name = f"section-{i}-"
    measures = ("seats_per_row", "row_names", "numbering")
    section = _terms(form, "section", i, {it: text for it, text in line.items() if it not in measures})
    section["numbering"] = line["numbering"] or "left"
    blocks = typed_seats.blocks(line["seats_per_row"])
    if blocks is None:
        form.wrong[f"{name}seats_per_row"] = "enter a number, or such as 18, 20, 22 or 6+8+6"
        section["seats_per_row"] = None
    elif len(blocks) == len(blocks[0]) == 1:
        section["seats_per_row"] = blocks[0][0]
    else:
        section["blocks"] = blocks
    rows = line["row_names"].replace(" ", "").lower()
    if rows in ("1,2,3", "1,2,3,…", "1"):
        section["naming"] = "numbers"
    elif rows not in ("", "a", "a,b,c", "a,b,c,…"):
        try:
            section["row_names"] = typed_seats.row_names(rows)
        except ValidationFailed as refusal:
            [wrong] = refusal.members["errors"]
            form.wrong[f"{name}row_names"] = wrong["message"]
    return section


def _number(form: SaleForm, name: str) -> int | None:
    text = form.values.get(name, "")
    if name in DURATIONS:
        return _duration(form, name, text)
    number = typed.whole_number(text)
    if number is not None:
        return number
    if text or name != "active_visitors_max":  # blank means no maximum
        form.wrong[name] = "enter a whole number"
    return None


def _duration(form: SaleForm, name: str, text: str) -> int | None:
    """Parse a duration, which has to name its unit, as a bare number would be ambiguous."""
    if not text and name == "hold_extend_s":
        return 0
    seconds = None if typed.whole_number(text) is not None else typed.duration(text)
    if seconds is None:
        form.wrong[name] = "enter a time with its unit, such as 90 s, 5 min or 1 hour"
    return seconds


def moment(form: SaleForm, name: str, zone: str) -> datetime | None:
    text = form.values.get(name, "")
    if not text:
        if name == "starts_at":
            form.wrong[name] = "is required"
        return None
    at = local_times.read(text, zone, form.values.get(f"{name}-offset", ""))
    if isinstance(at, str):
        form.wrong[name] = at
    elif isinstance(at, datetime):
        return at
    else:
        form.doubled[name] = at
        if not any(it.chosen for it in at):
            form.wrong[name] = local_times.ASK
    return next((it.at for it in form.doubled.get(name, ()) if it.chosen), None)


def _field(keys: Keys, existing: int = 0) -> str:
    """Map a key path of the definition to its form field."""
    if keys[0] in ("ticket_types", "sections") and len(keys) >= 3:
        kind, name, i = "type" if keys[0] == "ticket_types" else "section", keys[2], int(keys[1])
        if kind == "type":
            kind, i = ("have", i) if i < existing else ("type", i - existing)
        return f"{kind}-{i}-{'name' if name == 'ticket_type_id' else SECTION_AS.get(str(name), name)}"
    return str(keys[-1]).rpartition(".")[2]
