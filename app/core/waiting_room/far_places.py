"""Places far from the front, computed instead of looked up. No I/O.

A place token carries the queue number, and the room's status the serving position. That is enough for
visitors whose turn is an hour away; a room's `exact_within` sets how close to the front places are looked up.
"""

from __future__ import annotations

from app.core.errors import ValidationFailed
from app.core.model import Place, Room, RoomSettings, RoomStatus
from app.core.tokens.claims import PlaceClaims


def check(settings: RoomSettings) -> None:
    """Refuse `exact_within` in a room with lanes, where each lane has its own front. Raises
    ValidationFailed."""
    if settings.exact_within is not None and settings.lanes:
        raise ValidationFailed("exact_within", "cannot be set in a room with lanes")


def far_place(settings: RoomSettings, claims: PlaceClaims, status: RoomStatus) -> Place | None:
    """The place of a visitor far from the front, derived from token and status; None: look it up.

    `ahead` is an upper bound: it is the distance in numbers, limited to how many people are waiting. A room
    in parts skips numbers, so there it is an estimate: the waiting visitors are assumed to be spread evenly
    over the numbers. The result does not reflect that the visitor left or was removed after the token was
    issued, nor anybody passed over. A token of an older epoch is always looked up, because the look-up
    restores its visitor.
    """
    within, number = settings.exact_within, claims.queue_number
    if within is None or not number or settings.lanes:
        return None
    if (claims.epoch, claims.generation) != (status.epoch, status.generation):
        return None
    if status.state == "prequeue":
        return _place(claims, None)
    distance = number - status.serving_position
    if status.state not in ("open", "paused", "sold_out") or distance <= within:
        return None
    joined_since = max(0, number - status.last_number)  # the status may be older than the token
    most = min(distance, status.waiting + joined_since)
    if settings.parts > 1:
        way = max(1, status.last_number - status.serving_position)
        most = min(most, 1 + status.waiting * distance // way)
    return _place(claims, most - 1)


def status_without_redis(room: Room) -> RoomStatus:
    """A room's status according to PostgreSQL: calls are stored every second, departures are not."""
    waiting = max(0, room.numbers_reserved - room.serving_position)
    return RoomStatus(
        now_ms=0,
        version=room.version,
        epoch=room.epoch,
        state=room.state,
        serving_position=room.serving_position,
        last_number=room.numbers_reserved,
        waiting=waiting,
        called=0,
        active=0,
        outflow_per_minute=0,
        available=None,
        opened_at_ms=room.opened_at_ms,
        generation=room.generation,
    )


def _place(claims: PlaceClaims, ahead: int | None) -> Place:
    waits = ahead is not None
    return Place(
        visitor_id=claims.visitor_id,
        state="waiting" if waits else "prequeue",
        queue_number=claims.queue_number if waits else None,
        ahead=ahead,
        claim_by_ms=0,
        session_expires_at_ms=0,
        token_number=claims.queue_number,
        quantity=claims.quantity,
        about=True,
    )
