"""What an audit of a public log finds."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Something that is wrong, at a leaf; `kind` is stable."""

    leaf: int
    kind: str
    message: str


class Action(NamedTuple):
    """Something that staff, the clock or the autopilot did."""

    leaf: int
    at_ms: int
    what: str


class Turn(NamedTuple):
    """A call that was not taken up yet."""

    visitor: str
    at_ms: int
