"""The form of a new sale: from its fields to a definition, and from a sale that was to its fields.

Everything that is wrong is reported at once, beside its field. Times are local to a named zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from app.core import currencies, typed
from app.core.definition_errors import Keys, find_errors
from app.core.definitions import EventDefinition
from app.core.formats import PATTERN_MEANS, ZONE
from app.core.model import Event, Room, TicketType, TicketTypeId
from app.core.seating import new_slug
from app.core.zones import UTC, zones
from app.web.console import local_times
from app.web.console.local_times import LocalTime

TYPE_FIELDS = ("name", "price", "quantity")
SECTION_FIELDS = ("name", "price", "rows", "seats_per_row")
WORDS = ("name", "artist", "venue", "currency")
TIMES = ("prequeue_at", "opens_at", "closes_at")
EVENT_NUMBERS = ("max_tickets_per_visitor", "hold_ttl_s")
ROOM_NUMBERS = ("admission_rate_per_minute", "active_visitors_max", "claim_window_s", "session_ttl_s")
LOOK = ("accent", "paper", "welcome", "footer")
LINES_MIN, LINES_MAX = 3, 100
DIGITS_MAX = 3  # of the number of a line
BEGIN = {
    "zone": UTC,
    "currency": "EUR",
    "max_tickets_per_visitor": "10",
    "hold_ttl_s": "300",
    "admission_rate_per_minute": "600",
    "active_visitors_max": "1000",
    "claim_window_s": "120",
    "session_ttl_s": "600",
    "queueing_method": "fifo",
    "published": "on",
}


@dataclass
class SaleForm:
    """What was typed, its definition (None while something is wrong), and what is wrong, by field."""

    values: dict[str, str]
    definition: EventDefinition | None = None
    wrong: dict[str, str] = field(default_factory=dict)
    doubled: dict[str, list[LocalTime]] = field(default_factory=dict)  # of times that may be either of two

    def lines(self, kind: str) -> int:
        """How many lines of ticket types or sections to show."""
        lines = {name.split("-")[1] for name, it in self.values.items() if name.startswith(f"{kind}-") and it}
        used = [int(it) for it in lines if it.isascii() and it.isdigit() and len(it) <= DIGITS_MAX]
        return min(LINES_MAX, max([LINES_MIN, *(n + 2 for n in used)]))


def read(values: dict[str, str]) -> SaleForm:
    """The form as it was sent."""
    found = SaleForm({name: it.strip() for name, it in values.items()})
    document = _document(found)
    if not document["ticket_types"] and not document["sections"]:
        found.wrong["type-0-name"] = "add at least one ticket type or one section of seats"
    for keys, text in find_errors(document):
        found.wrong.setdefault(_field(keys), text)
    taken = {it["ticket_type_id"] for it in document["ticket_types"]}
    for i, it in enumerate(document["sections"]):
        if it["ticket_type_id"] in taken:
            found.wrong.setdefault(f"section-{i}-name", "is already the name of a ticket type above")
    if not found.wrong:
        found.definition = msgspec.convert(document, EventDefinition)
    return found


def like(
    room: Room,
    event: Event | None,
    types: list[TicketType],
    shapes: Mapping[TicketTypeId, tuple[int, int] | None],
) -> SaleForm:
    """The form of a sale that was: everything but its ids and times."""
    settings = room.settings
    cap = settings.active_visitors_max
    values = BEGIN | {name: str(getattr(settings, name)) for name in ROOM_NUMBERS}
    values |= {"active_visitors_max": "" if cap is None else str(cap)}
    values |= {
        "queueing_method": settings.queueing_method,
        "message": settings.message,
        "name": settings.name,
    }
    values |= {name: getattr(settings.theme, name) for name in LOOK}
    if event is not None:
        values |= {name: str(getattr(event, name)) for name in (*WORDS, *EVENT_NUMBERS)}
        values |= {"zone": event.timezone} | ({"sell_after_start": "on"} if event.sell_after_start else {})
    counted = [it for it in types if not it.seated]
    for i, it in enumerate(counted):
        price = _price(it.price, values["currency"])
        values |= {f"type-{i}-name": it.name, f"type-{i}-price": price, f"type-{i}-quantity": str(it.total)}
    for i, it in enumerate(it for it in types if it.seated):
        shape = shapes.get(it.ticket_type_id)
        rows, seats = ("", "") if shape is None else map(str, shape)
        terms = (it.name, _price(it.price, values["currency"]), rows, seats)
        values |= {f"section-{i}-{name}": text for name, text in zip(SECTION_FIELDS, terms, strict=True)}
    return SaleForm(values)


def _document(form: SaleForm) -> dict[str, Any]:
    values = form.values
    zone = values.get("zone", "") or UTC
    if zone not in zones():
        form.wrong["zone"] = PATTERN_MEANS[ZONE]
        zone = UTC
    room: dict[str, Any] = {
        "queueing_method": values.get("queueing_method", "fifo"),
        "message": values.get("message", "").replace("\r\n", "\n"),
        "theme": {name: values.get(name, "").replace("\r\n", "\n") for name in LOOK},
        **{name: _time(form, name, zone) for name in TIMES},
        **{name: _number(form, name) for name in ROOM_NUMBERS},
    }
    ids: dict[str, str] = {}
    return {
        "event_id": values.get("event_id") or new_slug(values.get("name", ""), (), "event"),
        **{name: values.get(name, "") for name in WORDS},
        "starts_at": _time(form, "starts_at", zone),
        "timezone": zone,
        "sell_after_start": "sell_after_start" in values,
        "published": "published" in values,
        **{name: _number(form, name) for name in EVENT_NUMBERS},
        "ticket_types": [
            {"ticket_type_id": _id(ids, line), "name": line["name"], **_terms(form, "type", i, line)}
            for i, line in _lines(form, "type", TYPE_FIELDS)
        ],
        "sections": [
            {"ticket_type_id": _id(ids, line), "name": line["name"], **_terms(form, "section", i, line)}
            for i, line in _lines(form, "section", SECTION_FIELDS)
        ],
        "room": room,
    }


def _id(ids: dict[str, str], line: Mapping[str, str]) -> str:
    """The id of a ticket type or section: one of its own for each name."""
    name = typed.folded(line["name"])
    return ids.setdefault(name, new_slug(name, ids.values(), "tickets"))


def _lines(form: SaleForm, kind: str, names: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The lines in which something is written; moved up, so that line i is item i."""
    found = []
    for i in range(LINES_MAX):
        line = {name: form.values.pop(f"{kind}-{i}-{name}", "") for name in names}
        if any(line.values()):
            found.append(line)
    for i, line in enumerate(found):
        form.values.update({f"{kind}-{i}-{name}": it for name, it in line.items()})
    return list(enumerate(found))


def _terms(form: SaleForm, kind: str, i: int, line: dict[str, str]) -> dict[str, Any]:
    terms: dict[str, Any] = {"price": _minor(form, f"{kind}-{i}-price", line["price"])}
    return terms | {
        name: _number(form, f"{kind}-{i}-{name}") for name in line if name not in ("name", "price")
    }


def _number(form: SaleForm, name: str) -> int | None:
    text = form.values.get(name, "")
    number = typed.whole_number(text)
    if number is not None:
        return number
    if text or name != "active_visitors_max":  # none: no cap
        form.wrong[name] = "enter a whole number"
    return None


def _minor(form: SaleForm, name: str, text: str) -> int:
    """A price as 45 or 45.00, in minor units."""
    decimals = currencies.scale(form.values.get("currency", ""))
    minor = typed.amount(text, decimals)
    if minor is None:
        example = f"45 or 45.{'0' * decimals}" if decimals else "45"
        form.wrong[name] = f"enter an amount such as {example}"
        return 0
    return minor


def _price(minor: int, currency: str) -> str:
    return str(currencies.major(minor, currency))


def _time(form: SaleForm, name: str, zone: str) -> datetime | None:
    text = form.values.get(name, "")
    if not text:
        if name == "starts_at":
            form.wrong[name] = "is required"
        return None
    found = local_times.read(text, zone, form.values.get(f"{name}-offset", ""))
    if isinstance(found, str):
        form.wrong[name] = found
    elif isinstance(found, datetime):
        return found
    else:
        form.doubled[name] = found
        if not any(it.chosen for it in found):
            form.wrong[name] = local_times.ASK
    return next((it.at for it in form.doubled.get(name, ()) if it.chosen), None)


def _field(keys: Keys) -> str:
    """Where on the page a field of the definition is."""
    if keys[0] in ("ticket_types", "sections") and len(keys) == 3:
        kind, name = "type" if keys[0] == "ticket_types" else "section", keys[2]
        return f"{kind}-{keys[1]}-{'name' if name == 'ticket_type_id' else name}"
    return str(keys[-1]).rpartition(".")[2]
