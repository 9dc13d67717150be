"""Documents of the waiting room: status, place, booking token, room."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any, Literal

import msgspec

from app.core.clock import from_ms, in_zone
from app.core.model import Blocked, Pace, Place, PlaceState, Room, RoomId, RoomSettings, RoomState, RoomStatus
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.place_tokens import PlaceSigner
from app.core.waiting_room import rules
from app.core.waiting_room.members import lane_in, place_in_room, serving_of
from app.core.waiting_room.stalls import still_since_ms
from app.core.waiting_room.wait_estimate import published_pace, wait_range_s
from app.web.documents.draw import Draw, draw_document
from app.web.documents.lanes import LaneDocument, lane_documents

PASSED_OVER_S = 2
DRAWN_S = 5  # a million numbers are drawn within seconds of the opening
INSIDE_S = 15


class PaceDocument(msgspec.Struct, frozen=True):
    """The basis for estimated waits: the k-th in the queue waits the lesser of k `first_s` and `base_s` + k
    `each_s`.

    `ranges` has the p50 and p90 for some of these waits, as [wait, p50, p90]; interpolate linearly between
    them. Changes without notice only ever shorten waits.
    """

    first_s: float
    base_s: float
    each_s: float
    ranges: list[list[float]]


class SlowerDocument(msgspec.Struct, frozen=True):
    """Since when waits may be longer than shown before, and why.

    The queue was paused, staff lowered the rate, or fewer visitors per minute are measured to enter.
    """

    since: datetime | None
    why: Literal["paused", "rate_lowered", "slower"]


class StatusDocument(msgspec.Struct, frozen=True):
    """The shared status document of a room: the same for everyone."""

    room_id: str
    name: str
    event_id: str | None
    state: RoomState
    serving_position: int
    waiting: int
    called: int
    active: int
    outflow_per_minute: int
    admission_rate_per_minute: int
    prequeue_at: datetime | None
    opens_at: datetime | None
    closes_at: datetime | None
    message: str
    available: int | None
    held: int | None
    draw: Draw | None
    updated_at: datetime | None
    pace: PaceDocument | None  # null while nobody is called, or no estimate is possible
    blocked: Blocked | None  # why nobody can be called in this open room; null: the queue moves
    slower: SlowerDocument | None  # null: no wait became longer than shown before
    still_since: (
        datetime | None
    )  # nobody has been called since then, and nothing says why; null: the queue moves
    epoch: int  # grows when the queue was rebuilt: clients then ask for their place once, which restores it
    members_only: bool | msgspec.UnsetType = (
        msgspec.UNSET
    )  # only there, and true, while only members may join
    lanes: list[LaneDocument] | msgspec.UnsetType = (
        msgspec.UNSET
    )  # only in a room with lanes: the ordinary one first, and then `serving_position` is its own
    stale: bool | msgspec.UnsetType = msgspec.UNSET  # only present, and true, while Redis is unavailable


class WaitRange(msgspec.Struct, frozen=True):
    """The estimated wait in seconds: median and 90th percentile."""

    p50: int
    p90: int


class PlaceDocument(msgspec.Struct, frozen=True):
    """A visitor's place."""

    room_id: str
    visitor_id: str
    state: PlaceState
    queue_number: int | None
    queue_position: int | None
    wait_s: WaitRange | None
    slower: SlowerDocument | None
    poll_after_s: int
    claim_by: datetime | None
    session_expires_at: datetime | None
    quantity: int  # tickets wanted at once; 1 again after the first reservation
    place_token: str
    lane: int | msgspec.UnsetType = (
        msgspec.UNSET
    )  # only in a room with lanes: which of `lanes`; position and wait are those of the lane
    # Only present, and true, if the place was not looked up (`exact_within`): `queue_position` is an upper
    # bound.
    about: bool | msgspec.UnsetType = msgspec.UNSET


class BookingTokenDocument(msgspec.Struct, frozen=True):
    """A claimed booking token."""

    booking_token: str
    expires_at: datetime | None
    token_type: Literal["Bearer"] = "Bearer"


class RoomDocument(RoomSettings, frozen=True, kw_only=True):
    """A room for staff: its settings and state."""

    room_id: str
    event_id: str | None
    state: RoomState
    opened_at: datetime | None
    closed_at: datetime | None
    draw: Draw | None


def status_document(room: Room, status: RoomStatus) -> StatusDocument:
    """The status document of a room."""
    settings = room.settings
    # An event without ticket types has no stock in Redis, but it also has nothing free.
    available = 0 if room.event_id and status.available is None else status.available
    still_ms = still_since_ms(status, settings.admission_rate_per_minute)
    pace = None if still_ms else published_pace(status, settings.admission_rate_per_minute)
    return StatusDocument(
        room_id=room.room_id,
        name=settings.name,
        event_id=room.event_id,
        state=status.state,
        serving_position=status.serving_position,
        waiting=status.waiting,
        called=status.called,
        active=status.active,
        outflow_per_minute=status.outflow_per_minute,
        admission_rate_per_minute=settings.admission_rate_per_minute,
        prequeue_at=utc(settings.prequeue_at),
        opens_at=utc(settings.opens_at),
        closes_at=utc(settings.closes_at),
        message=settings.message,
        available=available,
        held=status.held,
        draw=draw_document(room, opened=status.opened_at_ms > 0),
        updated_at=from_ms(status.now_ms),
        pace=pace_document(pace),
        blocked=status.blocked or None,
        slower=slower_document(status.pace),
        still_since=from_ms(still_ms),
        epoch=status.epoch,
        members_only=rules.is_for_members(settings, status.now_ms) or msgspec.UNSET,
        lanes=lane_documents(settings, status) or msgspec.UNSET,
    )


def pace_document(pace: Pace | None) -> PaceDocument | None:
    """Build the document of the pace."""
    if pace is None:
        return None
    return PaceDocument(pace.first_s, pace.base_s, pace.each_s, [[0, 0, 0], *([*it] for it in pace.ranges)])


def slower_document(pace: Pace | None) -> SlowerDocument | None:
    """Build the document of longer waits."""
    if pace is None or pace.why == "":
        return None
    return SlowerDocument(from_ms(pace.since_ms), pace.why)


def place_token(
    signer: PlaceSigner,
    place: Place,
    status: RoomStatus,
    room_id: RoomId,
    sent: tuple[PlaceClaims, str] | None = None,
) -> str:
    """Sign a place token with the number and the epoch in which it was read.

    `sent`: the visitor's current token and its claims. If nothing has changed it is returned as it is,
    because signing takes a tenth of the time of a place request.
    """
    claims = place_claims(place, status, room_id)
    return sent[1] if sent is not None and sent[0] == claims else signer.sign(claims)


def place_claims(place: Place, status: RoomStatus, room_id: RoomId) -> PlaceClaims:
    """The claims in the token of a place."""
    return PlaceClaims(
        room_id=room_id,
        visitor_id=place.visitor_id,
        queue_number=place.token_number,
        epoch=status.epoch,
        quantity=place.quantity,
        generation=status.generation,
    )


def place_document(
    room_id: str, place: Place, status: RoomStatus, rate_per_minute: int, token: str
) -> PlaceDocument:
    """Build a place. `rate_per_minute`: the room's admission rate as this process knows it."""
    wait = position = None
    if place.ahead is not None:
        position = place.ahead + 1
        pace = published_pace(status, rate_per_minute)
        ahead = place_in_room(status, place.visitor_id, place.ahead)
        wait = wait_range_s(ahead, pace, rate_per_minute) if pace else None
    # While nobody is called, any estimate would be wrong.
    wait_shown = wait if status.state == "open" and not still_since_ms(status, rate_per_minute) else None
    return PlaceDocument(
        room_id,
        place.visitor_id,
        place.state,
        place.queue_number,
        position,
        WaitRange(*wait_shown) if wait_shown else None,
        slower_document(status.pace),
        _poll_after_s(place, status, wait),
        from_ms(place.claim_by_ms),
        from_ms(place.session_expires_at_ms),
        max(1, place.quantity),
        token,
        lane_in(status, place.visitor_id) if status.lanes else msgspec.UNSET,
        place.about or msgspec.UNSET,
    )


def _poll_after_s(place: Place, status: RoomStatus, wait: tuple[int, int] | None) -> int:
    """When a visitor with this wait (None: the rate is 0) should poll again.

    What concerns everybody is in the shared document: that the room opens, that the queue moves, that their
    turn has come. So most poll rarely, also before the opening and during a pause.
    """
    jitter01 = random.random()
    if place.state == "prequeue":
        return rules.spread_s(DRAWN_S if status.state == "open" else rules.ASK_IDLE_S, jitter01)
    if place.ahead is None:  # inside or ended: this document gives the time of what comes next
        return rules.spread_s(INSIDE_S, jitter01)
    if (place.queue_number or 0) <= serving_of(status, place.visitor_id):
        # skipped: only their own place shows their turn
        return rules.spread_s(PASSED_OVER_S, jitter01)
    if status.state == "sold_out":  # returned tickets are offered to the first in the queue
        return rules.poll_after_s(place.ahead, max(rules.ASK_FAR_MIN_S, place.ahead), jitter01)
    most_s = rules.ASK_ABOUT_MAX_S if place.about else rules.ASK_MAX_S
    return rules.poll_after_s(place.ahead, wait[0] if wait else None, jitter01, most_s)


def room_document(room: Room) -> RoomDocument:
    """Build a room for staff."""
    return RoomDocument(
        **msgspec.structs.asdict(settings_document(room.settings)),
        room_id=room.room_id,
        event_id=room.event_id,
        state=room.state,
        opened_at=from_ms(room.opened_at_ms),
        closed_at=from_ms(room.closed_at_ms),
        draw=draw_document(room, opened=room.opened_at_ms > 0),
    )


def settings_document(settings: RoomSettings) -> RoomSettings:
    """Settings with their times in UTC."""
    names = RoomSettings.__struct_fields__
    return RoomSettings(**{name: _in_utc(getattr(settings, name)) for name in names})


def utc(at: datetime | None) -> datetime | None:
    """The same instant with the offset Z."""
    return None if at is None else in_zone(at)


def _in_utc(value: Any) -> Any:
    return utc(value) if isinstance(value, datetime) else value
