"""The range of times accepted from outside: those that every part of the product can store.

A datetime with an offset may have no UTC equivalent (0001-01-01T00:00:00+14:00): Postgres stores it, and
every read of it fails. Everything decoded from outside is checked here, so there is one range.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from app.core.errors import ValidationFailed

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
OUT_OF_RANGE = "must be within the years 1970 to 9999 in UTC"


def in_range(at: datetime) -> bool:
    """Whether this aware datetime is accepted."""
    return EARLIEST <= at <= LATEST


def check_moments(document: msgspec.Struct, name: str = "body") -> None:
    """Refuse a document with a time out of range. Raises ValidationFailed naming the field."""
    if has_moments(type(document)):
        for path in _out_of_range(document, ""):
            raise ValidationFailed(path or name, OUT_OF_RANGE)


@cache
def has_moments(kind: type[msgspec.Struct]) -> bool:
    """Whether the type can contain a time, at any depth."""
    return b'"date-time"' in msgspec.json.encode(msgspec.json.schema(kind))


def field_names(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """The fields with their names in a document; `msgspec.structs.fields` would resolve all types as well,
    which takes a millisecond or two each time."""
    return zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)


def _out_of_range(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, datetime):
        if not in_range(value):
            yield path
    elif isinstance(value, msgspec.Struct) and has_moments(type(value)):
        for name, encoded_name in field_names(type(value)):
            yield from _out_of_range(getattr(value, name), f"{path}.{encoded_name}".removeprefix("."))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _out_of_range(item, f"{path}[{i}]")
