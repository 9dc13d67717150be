"""Rooms in parts: joins of one room are spread over hash tags, and so over the nodes of a cluster. No I/O.

A visitor's id alone determines their part. Numbers are given out in rounds: in a round that starts at `base`,
the i-th visitor (from 0) to join part k gets base + i * parts + k. So the order is that of arrival, except
that parts may fill unevenly within a round, which lasts about a second. Numbers that a round does not use are
skipped.
"""

from __future__ import annotations

from zlib import crc32

from app.core.errors import ValidationFailed
from app.core.model import Room, RoomId, RoomSettings, VisitorId

PARTS_MAX = 16
# A round has more numbers than are likely to be used, so that no part runs out before the next one starts.
SPARE = 1.25


def check(settings: RoomSettings) -> None:
    """Refuse parts with settings that they do not support: newcomers' checks, a lottery, lanes, members only.

    Raises ValidationFailed.
    """
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
    if conflicting := [name for name, there in conflicts.items() if there]:
        raise ValidationFailed("parts", f"must be 1 in a room with {conflicting[0]}")


def check_change(room: Room, after: RoomSettings) -> None:
    """Refuse to change `parts` once visitors may be in them. Raises ValidationFailed."""
    if after.parts != room.settings.parts and room.state != "scheduled":
        raise ValidationFailed("parts", "can be changed only before the room or its pre-queue opens")


def part_of(visitor_id: VisitorId, parts: int) -> int:
    """The part a visitor belongs to, counting from 0."""
    return crc32(visitor_id.encode()) % parts


def part_id(room_id: RoomId, part: int) -> RoomId:
    """The id that names a part's keys; no room can have such a name."""
    return RoomId(f"{room_id}~{part}")
