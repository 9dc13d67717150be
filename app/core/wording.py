"""What msgspec says of a value that does not fit, in words for whoever sent it."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from app.core.model import PATTERN_MEANS

_AT = re.compile(r" - at `(?:key in )?\$?(.*?)`$")
_NAMED = re.compile(r"(?:unknown|required) field `([^`]*)`")
_PATTERN = re.compile(r"Expected `str` matching regex '(.*)'$", re.DOTALL)


class Misfit(NamedTuple):
    """Which field (dotted, "" is the whole) does not fit, and why."""

    field: str
    message: str


def misfit(error: msgspec.ValidationError) -> Misfit:
    """The first thing that does not fit, in our words."""
    text, path = str(error), ""
    if at := _AT.search(text):
        path, text = at[1].removeprefix("."), text[: at.start()]
    if named := _NAMED.search(text):
        path = f"{path}.{named[1]}" if path else named[1]
        text = "is not known here" if "unknown" in text else "is required"
    if pattern := _PATTERN.match(text):
        text = _MEANS.get(pattern[1], "has a form that is not taken here")
    return Misfit(path, text[:1].lower() + text[1:])


_MEANS = {repr(pattern)[1:-1]: words for pattern, words in PATTERN_MEANS.items()}  # as msgspec quotes it
