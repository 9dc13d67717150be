"""Arithmetic and decisions of the waiting room; no I/O."""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Literal

import msgspec

from app.core.clock import to_ms
from app.core.errors import Conflict, ValidationFailed
from app.core.model import Event, RoomSettings, RoomState

RoomAction = Literal["open", "pause", "resume", "close"]

DRAW_BITS = 52  # a sorted set's score is a double: integers up to 2**53 are exact
NUMBERS_BLOCK_MIN = 1_000  # also the gap a lost Redis leaves in the numbers of a small sale
WAIT_SAMPLES = 1_000
ASK_MAX_S = 600
ASK_ABOUT_MAX_S = 2_880  # of a place that is not looked up; with its spread an hour at most
ASK_IDLE_S = 75  # nobody is called for now; with its spread less than the usual claim window
ASK_FAR_MIN_S = 30  # from the fifteenth in the queue on

_AFTER: dict[RoomAction, dict[RoomState, RoomState]] = {
    "open": {
        "scheduled": "open",
        "prequeue": "open",
        "open": "open",
        "paused": "open",
        "closed": "open",
    },
    "pause": {"open": "paused", "paused": "paused"},
    "resume": {"open": "open", "paused": "open"},
    "close": {
        "scheduled": "closed",
        "prequeue": "closed",
        "open": "closed",
        "paused": "closed",
        "closed": "closed",
    },
}


def draw_of(seed: bytes, visitor_id: str) -> int:
    """The draw: the first 52 bits of HMAC-SHA256(seed, visitor_id); the lowest goes first."""
    digest = hmac.digest(seed, visitor_id.encode(), hashlib.sha256)
    return int.from_bytes(digest[:7]) >> (56 - DRAW_BITS)


def draw_key(seed: bytes, root: bytes | None) -> bytes:
    """The key of the draws: the seed; where the log's root at the opening counts, HMAC-SHA256(seed, root)."""
    return hmac.digest(seed, root, "sha256") if root else seed


def commitment(seed: bytes) -> str:
    """The commitment of a seed, published before the opening."""
    return hashlib.sha256(seed).hexdigest()


def poll_after_s(ahead: int, p50_s: int | None, jitter01: float, most_s: int = ASK_MAX_S) -> int:
    """Seconds until the place should be asked for again: three quarters of the wait, at most `most_s`.

    The shared document tells everybody how the queue moves and when it is their turn. The place adds who left
    ahead, which is worth little, so it is asked for about as often as the rest of the wait is quartered: a
    wait of an hour costs a dozen questions. A tenth of the wait cost every visitor of a queue of 100,000 two
    questions a minute (`load/origin.py` measures it). Who hears nothing of the shared document still asks
    before their turn, as long as the line is not called faster than it was expected to be. Only the first few
    ask more often than each 30 s: that is for small rooms, and costs a large one nothing.

    `p50_s` None: nobody is called. `jitter01`: see `spread_s`.
    """
    if p50_s is None:
        return spread_s(max(ASK_IDLE_S, min(ASK_MAX_S, ahead)), jitter01)
    return spread_s(min(most_s, max(min(ASK_FAR_MIN_S, 2 + 2 * ahead), p50_s * 3 / 4)), jitter01)


def spread_s(seconds: float, jitter01: float) -> int:
    """Whole seconds, 2 at least; `jitter01` in 0 to 1 spreads them by a quarter each way, so that those who
    came together part."""
    return max(2, round(seconds * (0.75 + 0.5 * jitter01)))


def numbers_block(last_number: int) -> int:
    """How many queue numbers to reserve at once: enough for one second of the fastest rush so far."""
    return max(NUMBERS_BLOCK_MIN, last_number // 2)


def due_state(state: RoomState, settings: RoomSettings, now_ms: int) -> RoomState:
    """The state after the schedule has acted; `include/schedule.lua` says the same for Redis."""

    def due(at: datetime | None) -> bool:
        return at is not None and to_ms(at) <= now_ms

    if due(settings.closes_at):
        return "closed"
    if state in ("scheduled", "prequeue") and due(settings.opens_at):
        return "open"
    if state == "scheduled" and due(settings.prequeue_at):
        return "prequeue"
    return state


def state_after(state: RoomState, action: RoomAction) -> RoomState:
    """The state after staff's action. Raises Conflict when it makes no sense."""
    after = _AFTER[action].get(state)
    if after is None:
        raise Conflict(f"You cannot {action} a room that is {state}.")
    return after


def taken_over(before: RoomSettings, after: RoomSettings) -> RoomSettings:
    """The settings after staff changed them by hand: the autopilot leaves alone the rate that they set."""
    on = after.autopilot
    if on is None or before.admission_rate_per_minute == after.admission_rate_per_minute:
        return after
    return msgspec.structs.replace(after, autopilot=msgspec.structs.replace(on, paused=True))


def check_times(settings: RoomSettings) -> None:
    """Pre-queue, opening and closing come in this order; only a time for members has an end. Raises
    ValidationFailed naming the later field."""
    begins = settings.prequeue_at
    if begins and settings.opens_at and settings.opens_at < begins:
        raise ValidationFailed("opens_at", "must be at or after prequeue_at")
    if settings.closes_at and settings.opens_at and settings.closes_at <= settings.opens_at:
        raise ValidationFailed("closes_at", "must be after opens_at")
    if settings.closes_at and begins and settings.closes_at <= begins:
        raise ValidationFailed("closes_at", "must be after prequeue_at")
    if settings.members_until and not settings.members_only:
        raise ValidationFailed("members_until", "is the end of a time that is for members: set members_only")


def is_for_members(settings: RoomSettings, now_ms: int) -> bool:
    """Whether only members may join; `include/members.lua` decides."""
    return settings.members_only and (
        settings.members_until is None or now_ms < to_ms(settings.members_until)
    )


def check_sale_window(sale_from: datetime | None, sale_until: datetime | None, field: str = "") -> None:
    """A sale ends after it began. Raises ValidationFailed naming `sale_until` of the field."""
    if sale_from and sale_until and sale_until <= sale_from:
        raise ValidationFailed(f"{field}.sale_until".removeprefix("."), "must be after sale_from")


def sold_until(event: Event, sale_until: datetime | None) -> datetime | None:
    """When a ticket type's sale ends: at the latest when the event begins, unless staff sell on, or is
    cancelled."""
    if event.cancelled_at is not None:
        return event.cancelled_at if sale_until is None else min(sale_until, event.cancelled_at)
    if event.sell_after_start:
        return sale_until
    return event.starts_at if sale_until is None else min(sale_until, event.starts_at)


def wait_percentiles_s(progress: Sequence[tuple[int, int, int]]) -> dict[str, int] | None:
    """How long called visitors had waited, from moments (at_ms, serving_position, last_number).

    Nobody's arrival is stored: a number was given when `last_number` reached it, and called when the serving
    position did. None: nobody was called yet.
    """
    serving = list(accumulate((moment[1] for moment in progress), max))
    given = list(accumulate((max(moment[1:]) for moment in progress), max))
    if not serving or serving[-1] == 0:
        return None
    step = max(1, serving[-1] // WAIT_SAMPLES)
    waits = sorted(
        max(0, progress[bisect_left(serving, number)][0] - progress[bisect_left(given, number)][0]) // 1000
        for number in range(1, serving[-1] + 1, step)
    )
    return {f"p{share}": waits[(len(waits) - 1) * share // 100] for share in (50, 90, 99)}
