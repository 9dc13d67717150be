"""The public document of a room's lanes."""

from __future__ import annotations

import msgspec

from app.core.model import RoomSettings, RoomStatus


class LaneDocument(msgspec.Struct, frozen=True):
    """A lane: a group of visitors that gets `share` percent of the calls while visitors wait in every lane.

    Order within a lane is strict. `name` is empty for the ordinary lane, of everybody who is in no other.
    """

    name: str
    share: int
    serving_position: int
    waiting: int  # without the pre-queue of a lottery
    suspects: bool | msgspec.UnsetType = msgspec.UNSET  # only present, and true, for the lane of suspects


def lane_documents(settings: RoomSettings, status: RoomStatus) -> list[LaneDocument]:
    """The lanes of a room, the ordinary one first; empty if it has none."""
    names = ["", *(it.name for it in settings.lanes)]
    return [
        LaneDocument(
            name,
            it.share,
            it.serving_position,
            it.waiting,
            suspects=(bool(name) and name == settings.suspects_lane) or msgspec.UNSET,
        )
        for name, it in zip(names, status.lanes, strict=False)
    ]
