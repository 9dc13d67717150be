"""The result of a check."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["good", "note", "wrong"]


class Finding(msgspec.Struct, frozen=True):
    """The result of one check. `note`: worth knowing; `do`: how to fix what is wrong."""

    name: str  # redis.durable
    state: State
    says: str
    do: str = ""


def good(name: str, says: str) -> Finding:
    """A finding that all is well."""
    return Finding(name, "good", says)


def note(name: str, says: str) -> Finding:
    """A finding worth knowing about."""
    return Finding(name, "note", says)


def wrong(name: str, says: str, do: str) -> Finding:
    """A finding that something must be changed, and how."""
    return Finding(name, "wrong", says, do)
