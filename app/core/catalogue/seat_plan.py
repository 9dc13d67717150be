"""Positions of the sections of a hall, as drawn by staff. The unit is the width of a seat."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.catalogue.definitions import TICKET_TYPES_MAX
from app.core.formats import Slug
from app.core.model import Struct

REACH = 2_000  # seats in any direction
Length = Annotated[float, Meta(ge=-REACH, le=REACH)]
Angle = Annotated[float, Meta(ge=-360, le=360)]


class Place(Struct, frozen=True):
    """The centre of a section: `x` to the right of the hall's centre line, `y` away from the stage; and its
    turn.

    The origin is the point behind the stage around which the rings curve. At 0 degrees a section faces the
    stage; one to the right of it is turned by more, one to the left by less.
    """

    x: Length
    y: Length
    turn: Angle = 0


class PlacedSection(Place, frozen=True, kw_only=True):
    """A section with a position."""

    ticket_type_id: Slug


class SeatPlan(Struct, frozen=True):
    """The sections with a position; all others go where they fit, in rings around the stage."""

    sections: Annotated[list[PlacedSection], Meta(max_length=TICKET_TYPES_MAX)]


def read(text: str | None) -> Place | None:
    """Parse a position from the database."""
    return msgspec.json.decode(text, type=Place) if text else None


def place_text(place: Place) -> str:
    """Format a position for the database."""
    return msgspec.json.encode({"x": place.x, "y": place.y, "turn": place.turn}).decode()
