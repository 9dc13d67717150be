"""Results of auditing a public log."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A fault at a leaf; `kind` is stable."""

    leaf: int
    kind: str
    message: str


class Action(NamedTuple):
    """An action of staff, the clock or the autopilot."""

    leaf: int
    at_ms: int
    what: str


class Turn(NamedTuple):
    """A call that has not been claimed yet."""

    visitor: str
    at_ms: int
