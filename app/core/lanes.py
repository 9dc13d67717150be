"""Lanes: groups of visitors, each with a share of the calls. No I/O.

Everybody without a lane of their own is in the ordinary one, lane 0, which gets the remaining calls. Order is
strict within a lane; between lanes `admit.lua` divides the calls by deficit round robin
(`include/sharing.lua`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.errors import ValidationFailed
from app.core.formats import NAME

LANES_MAX = 7  # besides the ordinary one: a visitor's id ends in one digit for the lane
LANE_BAND = 2**44  # more than there are queue numbers; see `include/lanes.lua`
ORDINARY = 0
ALL = 100  # percent


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lane, and its share of the calls in percent while anybody waits in it.

    Enqueue tokens refer to it by name, and fans see the name.
    """

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern=NAME)]
    share: Annotated[int, Meta(ge=1, le=ALL - 1)]


def check(lanes: Sequence[Lane]) -> None:
    """Check that names differ and that something is left for the ordinary lane. Raises ValidationFailed."""
    if len({it.name for it in lanes}) < len(lanes):
        raise ValidationFailed("lanes", "must have different names")
    if any(it.name != it.name.strip() for it in lanes):
        raise ValidationFailed("lanes", "must have names without spaces around them")
    if sum(it.share for it in lanes) >= ALL:
        raise ValidationFailed("lanes", "must leave at least 1 percent for everybody else")


def check_change(before: Sequence[Lane], after: Sequence[Lane]) -> None:
    """Refuse to remove or reorder lanes while people may be waiting in them: visitors' ids refer to a lane
    by its position. Names and shares may change, and lanes be added. Raises ValidationFailed."""
    if len(after) < len(before):
        raise ValidationFailed("lanes", "can be removed only before the room or its pre-queue opens")
    was = {it.name: at for at, it in enumerate(before)}
    if any(was.get(it.name, at) != at for at, it in enumerate(after)):
        raise ValidationFailed("lanes", "can change their order only before the room or its pre-queue opens")


def shares(lanes: Sequence[Lane]) -> list[int]:
    """The lanes' shares in percent, the ordinary one first; empty: the room has no lanes."""
    return [ALL - sum(it.share for it in lanes), *(it.share for it in lanes)] if lanes else []


def shares_text(lanes: Sequence[Lane]) -> str:
    """The shares in the form the scripts read."""
    return " ".join(map(str, shares(lanes)))


def lane_of(visitor_id: str, lengths: Container[int]) -> int:
    """The lane a visitor's id names, whether the room has it or not; `lengths`: of ids that name one."""
    last = visitor_id[-1:]
    says_lane = len(visitor_id) in lengths
    return int(last) if says_lane and last.isascii() and last.isdigit() else ORDINARY


def named(name: str, of: Sequence[Lane]) -> int | None:
    """The number of the lane with this name; None if there is none."""
    return next((at for at, it in enumerate(of, 1) if it.name == name), None)


def calls_before(position: int, lane: int, shares: Sequence[int], waiting: Sequence[int]) -> int:
    """How many calls until the k-th of a lane is called, inclusive, if nobody else joins.

    Meanwhile the other lanes get calls by their shares, until nobody waits in them.
    """
    share = shares[lane]
    others = (min(waiting[it], position * shares[it] // share) for it in range(len(shares)) if it != lane)
    return position + sum(others)
