"""Turns msgspec's validation errors into messages for the sender of the value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from app.core.errors import ValidationFailed
from app.core.formats import PATTERN_MEANS

_AT = re.compile(r" - at `(?:key` in `)?\$?(.*?)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")
_MEANS = {repr(pattern)[1:-1]: words for pattern, words in PATTERN_MEANS.items()}  # as msgspec quotes it
DATETIME = "a time, such as 2026-05-01T18:00:00Z"
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "datetime": DATETIME,
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_PARTS = {"str": ("character", "characters"), "array": ("entry", "entries"), "object": ("member", "members")}
_BOUNDS = {">=": "at least", "<=": "at most"}


class InvalidField(NamedTuple):
    """The invalid field (dotted, "" is the whole document), and why."""

    field: str
    message: str


def first_invalid_field(error: msgspec.ValidationError) -> InvalidField:
    """The first invalid field, in our words."""
    text, path = str(error), ""
    if at := _AT.search(text):
        path, text = at[1].removeprefix("."), text[: at.start()]
    if named := _NAMED.search(text):
        path = f"{path}.{named[1]}" if path else named[1]
        return InvalidField(path, "is not a known field" if "unknown" in text else "is required")
    return InvalidField(path, _words(text))


def validation_failed(error: msgspec.ValidationError, name: str = "body") -> ValidationFailed:
    """The same as a refusal; `name` names the document, for errors outside any field."""
    field, message = first_invalid_field(error)
    return ValidationFailed(field or name, message)


def _words(text: str) -> str:
    for form, words in _MESSAGES.items():
        if match := re.fullmatch(form, text, re.DOTALL):
            return words(match)
    return text[:1].lower() + text[1:]  # a message that a future msgspec may produce


def _types(names: str) -> str:
    return " or ".join(_TYPES.get(it, it) for it in names.split(" | "))


def _sent(name: str) -> str:
    return {"float": "a number with decimals"}.get(name, _TYPES.get(name, name))


def _length(kind: str, bound: str, count: str) -> str:
    singular, more = _PARTS[kind]
    return f"must have {_BOUNDS[bound]} {count} {singular if count == '1' else more}"


_MESSAGES: dict[str, Callable[[re.Match[str]], str]] = {
    r"Expected `(.+)`, got `(.+)`": lambda it: f"must be {_types(it[1])}, not {_sent(it[2])}",
    r"Expected `(?:int|float)` ([<>]=) (\S+)": lambda it: f"must be {_BOUNDS[it[1]]} {it[2]}",
    r"Expected `(str|array|object)` of length ([<>]=) (\d+)": lambda it: _length(it[1], it[2], it[3]),
    r"Expected `str` matching regex (['\"])(.*)\1": lambda it: _MEANS.get(it[2], "has the wrong format"),
    r"Invalid enum value (.+)": lambda it: f"is not one of the accepted values: {it[1]}",
    r"Invalid RFC3339 encoded datetime": lambda _: f"must be {DATETIME}",
    r"Expected `datetime` with a timezone component": lambda _: (
        "must have an offset from UTC, such as 2026-05-01T18:00:00Z or 2026-05-01T20:00:00+02:00"
    ),
}
