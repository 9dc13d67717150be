"""Rooms in parts: joins of one room are spread over hash tags, and so over the nodes of a cluster. No I/O.

Each visitor belongs to a part, by their id alone. Numbers are given out in rounds: in a round that begins at
`base`, the i-th who joins part k gets base + i * parts + k. So the order is that of arrival, but for how
evenly the parts fill within a round, which lasts a second at most. What a round does not use goes to nobody.
"""

from __future__ import annotations

from zlib import crc32

from app.core.errors import ValidationFailed
from app.core.model import Room, RoomId, RoomSettings, VisitorId

PARTS_MAX = 16
# With more numbers in a round than are likely to be used a part does not run out before the next one begins.
SPARE = 1.25


def check(settings: RoomSettings) -> None:
    """Whoever joins a part is not weighed, drawn, or put in a lane. Raises ValidationFailed."""
    if settings.parts == 1:
        return
    conflicts = {
        "a lottery": settings.queueing_method == "lottery",
        "lanes": bool(settings.lanes),
        "members_only": settings.members_only,
        "newcomers_per_address": settings.newcomers_per_address is not None,
        "proof_of_work": settings.proof_of_work,
        "captcha": settings.captcha,
        "identity": settings.identity != "none",
    }
    if found := [name for name, there in conflicts.items() if there]:
        raise ValidationFailed("parts", f"must be 1 in a room with {found[0]}")


def check_change(room: Room, after: RoomSettings) -> None:
    """Where visitors may have joined they are in their parts. Raises ValidationFailed."""
    if after.parts != room.settings.parts and room.state != "scheduled":
        raise ValidationFailed("parts", "can be changed only before the room or its pre-queue opens")


def part_of(visitor_id: VisitorId, parts: int) -> int:
    """Which part a visitor belongs to, from 0."""
    return crc32(visitor_id.encode()) % parts


def part_id(room_id: RoomId, part: int) -> RoomId:
    """What the keys of a part are named after; no room has such a name."""
    return RoomId(f"{room_id}~{part}")
