"""Newcomers: who may join normally, and who may be one of many places of one person. No I/O.

A suspect's id is the id they came with, then a letter for the reason and the digit of their lane. So the
status is known without a look-up, and survives the loss of Redis.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.core import lanes
from app.core.errors import ValidationFailed
from app.core.model import RoomSettings, VisitorId
from app.core.visitor_ids import SUSPECT_ID_CHARS, VISITOR_ID_CHARS

NEWCOMERS_WINDOW_S = 600
# By letter: their address exceeded its share; no proof of work; no solved captcha; no identity shown.
REASONS: Mapping[str, str] = {"a": "address", "w": "work", "c": "captcha", "i": "identity"}


def check(settings: RoomSettings) -> None:
    """Check that `suspects_lane` is one of the room's lanes, and that `accounts_before` goes with accounts.
    Raises ValidationFailed."""
    if settings.suspects_lane and not suspects_lane(settings):
        raise ValidationFailed("suspects_lane", "must be the name of one of the room's lanes")
    if settings.accounts_before and settings.identity != "passkey":
        raise ValidationFailed("accounts_before", "needs accounts with a passkey: set identity to passkey")


def suspects_lane(settings: RoomSettings) -> int:
    """The lane of suspects; 0 if the room has none."""
    return (lanes.named(settings.suspects_lane, settings.lanes) if settings.suspects_lane else 0) or 0


def are_weighed(settings: RoomSettings) -> bool:
    """Whether the room requires anything of newcomers."""
    return (
        settings.newcomers_per_address is not None
        or settings.proof_of_work
        or settings.captcha
        or settings.identity != "none"
    )


def is_suspect(visitor_id: VisitorId) -> bool:
    """Whether this visitor joined as a suspect."""
    return len(visitor_id) == SUSPECT_ID_CHARS


def spellings(visitor_id: VisitorId, settings: RoomSettings) -> list[VisitorId]:
    """All ids that a visitor may have joined with: their own, and those as a suspect of this room."""
    lanes_of = range(1, len(settings.lanes) + 1)
    return [visitor_id, *(VisitorId(f"{visitor_id}{it}{lane}") for it in REASONS for lane in lanes_of)]


def before_weighed(visitor_id: VisitorId) -> VisitorId:
    """The original id of a suspect; any other id unchanged."""
    return VisitorId(visitor_id[:VISITOR_ID_CHARS]) if is_suspect(visitor_id) else visitor_id


def carried_to(from_id: VisitorId, to_id: VisitorId) -> VisitorId:
    """The id of a visitor after a place was moved to them: a suspect's if and only if the place was one's."""
    if len(to_id) not in (VISITOR_ID_CHARS, SUSPECT_ID_CHARS):
        return to_id
    return VisitorId(to_id[:VISITOR_ID_CHARS] + (from_id[VISITOR_ID_CHARS:] if is_suspect(from_id) else ""))
