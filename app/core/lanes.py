"""Lanes: groups of visitors, each with a share of the calls. No I/O.

Everybody without a lane of their own is in the ordinary one, lane 0, which has the rest of the calls.
Within a lane order is strict; between lanes `admit.lua` divides the calls by deficit round robin
(`include/sharing.lua`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.errors import ValidationFailed
from app.core.formats import NAME

LANES_MAX = 7  # beside the ordinary one: as many digits end the id of a visitor in a lane
LANE_BAND = 2**44  # more than there are queue numbers; see `include/lanes.lua`
ORDINARY = 0
ALL = 100  # percent


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lane, and the share of the calls that it gets while anybody waits in it, in percent.

    Enqueue tokens name it, and fans see its name.
    """

    name: Annotated[str, Meta(min_length=1, max_length=40, pattern=NAME)]
    share: Annotated[int, Meta(ge=1, le=ALL - 1)]


def check(lanes: Sequence[Lane]) -> None:
    """Each has its own name, and something is left for the ordinary lane. Raises ValidationFailed."""
    if len({it.name for it in lanes}) < len(lanes):
        raise ValidationFailed("lanes", "must have different names")
    if any(it.name != it.name.strip() for it in lanes):
        raise ValidationFailed("lanes", "must have names without spaces around them")
    if sum(it.share for it in lanes) >= ALL:
        raise ValidationFailed("lanes", "must leave at least 1 percent for everybody else")


def check_change(before: Sequence[Lane], after: Sequence[Lane]) -> None:
    """While people may wait in lanes, none is removed and none changes its place in the list: the visitors
    in it are known by that. Names and shares may change, and lanes be added. Raises ValidationFailed."""
    if len(after) < len(before):
        raise ValidationFailed("lanes", "can be removed only before the room or its pre-queue opens")
    was = {it.name: at for at, it in enumerate(before)}
    if any(was.get(it.name, at) != at for at, it in enumerate(after)):
        raise ValidationFailed("lanes", "can change their order only before the room or its pre-queue opens")


def shares(lanes: Sequence[Lane]) -> list[int]:
    """The share of each lane in percent, that of the ordinary one first; empty: the room has no lanes."""
    return [ALL - sum(it.share for it in lanes), *(it.share for it in lanes)] if lanes else []


def shares_text(lanes: Sequence[Lane]) -> str:
    """The shares as the scripts read them."""
    return " ".join(map(str, shares(lanes)))


def lane_of(visitor_id: str, lengths: Container[int]) -> int:
    """The lane that a visitor's id says, whether the room has it or not; `lengths`: of ids that say one."""
    last = visitor_id[-1:]
    says_lane = len(visitor_id) in lengths
    return int(last) if says_lane and last.isascii() and last.isdigit() else ORDINARY


def named(name: str, of: Sequence[Lane]) -> int | None:
    """Which lane has this name; None: none of these."""
    return next((at for at, it in enumerate(of, 1) if it.name == name), None)


def calls_before(position: int, lane: int, shares: Sequence[int], waiting: Sequence[int]) -> int:
    """How many calls it takes until the k-th of a lane is called, that one included, if nobody else comes.

    While they are called the other lanes get calls as their shares say, until nobody waits there any more.
    """
    ours = shares[lane]
    others = (min(waiting[it], position * shares[it] // ours) for it in range(len(shares)) if it != lane)
    return position + sum(others)
