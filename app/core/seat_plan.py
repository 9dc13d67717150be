"""Where the sections of a hall stand, as staff have drawn it. Lengths are widths of a seat."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.definitions import TICKET_TYPES_MAX
from app.core.formats import Slug
from app.core.model import Struct

REACH = 2_000  # seats in any direction
Length = Annotated[float, Meta(ge=-REACH, le=REACH)]
Angle = Annotated[float, Meta(ge=-360, le=360)]


class Place(Struct, frozen=True):
    """The middle of a section: `x` right of the middle of the hall, `y` away from the stage; and its turn.

    They are measured from the point behind the stage that the rings curve around. Turned by 0 degrees, a
    section looks straight at the stage; one to the right of it by more, to the left by less.
    """

    x: Length
    y: Length
    turn: Angle = 0


class PlacedSection(Place, frozen=True, kw_only=True):
    """A section that is placed."""

    ticket_type_id: Slug


class SeatPlan(Struct, frozen=True):
    """The sections that are placed; all others stand where they fit, in rings around the stage."""

    sections: Annotated[list[PlacedSection], Meta(max_length=TICKET_TYPES_MAX)]


def read(text: str | None) -> Place | None:
    """A place as the database has it."""
    return msgspec.json.decode(text, type=Place) if text else None


def written(place: Place) -> str:
    """A place for the database."""
    return msgspec.json.encode({"x": place.x, "y": place.y, "turn": place.turn}).decode()
