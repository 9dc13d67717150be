"""Finds every error in the definition of an event or a room, not only the first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin

import msgspec

from app.core import zones
from app.core.catalogue import seating
from app.core.catalogue.definitions import SEATS_OF_EVENT_MAX, EventDefinition, RoomDefinition
from app.core.catalogue.room_settings import setting_errors
from app.core.errors import ValidationFailed
from app.core.model import RoomSettings
from app.core.moments import OUT_OF_RANGE, in_range
from app.core.text.validation_messages import first_invalid_field
from app.core.waiting_room import rules

Keys = tuple[str | int, ...]


def find_errors(document: Any) -> Iterator[tuple[Keys, str]]:
    """Yield every error with the path to it; errors across fields once each field is valid."""
    errors = list(_errors_in(document, EventDefinition, ()))
    yield from errors
    if errors:
        return
    definition = msgspec.convert(document, EventDefinition)
    try:
        zones.check_zone(definition.timezone)
    except ValidationFailed as error:
        [wrong] = error.members["errors"]
        yield (wrong["field"],), wrong["message"]
    names = Counter(it.ticket_type_id for it in definition.ticket_types)
    for i, ticket_type in enumerate(definition.ticket_types):
        if names[ticket_type.ticket_type_id] > 1:
            yield ("ticket_types", i, "ticket_type_id"), "appears twice"
        try:
            rules.check_sale_window(ticket_type.sale_from, ticket_type.sale_until)
        except ValidationFailed as error:
            [wrong] = error.members["errors"]
            yield ("ticket_types", i, wrong["field"]), wrong["message"]
    try:
        seating.whole_sections(definition.sections, SEATS_OF_EVENT_MAX)
    except ValidationFailed as error:
        [wrong] = error.members["errors"]
        yield _keys(wrong["field"]), wrong["message"]
    for field, message in setting_errors(_settings(definition)):
        yield ("room", *_keys(field)), message


def find_room_errors(document: Any) -> Iterator[tuple[Keys, str]]:
    """Yield the errors of a room in a file, in the same form."""
    errors = list(_errors_in(document, RoomDefinition, ()))
    yield from errors
    if errors:
        return
    for field, message in setting_errors(msgspec.convert(document, RoomDefinition)):
        yield _keys(field), message


def _settings(definition: EventDefinition) -> RoomSettings:
    fields = {name: getattr(definition.room, name) for name in RoomSettings.__struct_fields__}
    return RoomSettings(**{**fields, "name": definition.name})


def _errors_in(value: Any, kind: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, dict):
        yield from _field_errors(value, inner, keys)
    elif get_origin(inner) is list and isinstance(value, list):
        [of] = get_args(inner)
        errors = [it for i, item in enumerate(value) for it in _errors_in(item, of, (*keys, i))]
        yield from errors or _value_errors(value, kind, keys)
    else:
        yield from _value_errors(value, kind, keys)


def _field_errors(
    value: dict[Any, Any], struct: type[msgspec.Struct], keys: Keys
) -> Iterator[tuple[Keys, str]]:
    fields = {it.encode_name: it for it in msgspec.structs.fields(struct)}
    for name in value:
        if name not in fields:
            yield (*keys, str(name)), "is not a known field"
    for name, field in fields.items():
        if name in value:
            yield from _errors_in(value[name], field.type, (*keys, name))
        elif field.required:
            yield (*keys, name), "is required"


def _value_errors(value: Any, kind: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield keys, first_invalid_field(error).message
    else:
        if isinstance(converted, datetime) and not in_range(converted):
            yield keys, OUT_OF_RANGE


def _keys(field: str) -> Keys:
    """Split a field's name in an error message into keys: `sections[0].name`."""
    return tuple(int(it) if it.isdigit() else it for it in re.findall(r"\w+", field))


def field_name(keys: Keys) -> str:
    """A field's name as an error message shows it."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
