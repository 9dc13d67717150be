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
NUMBERS_BLOCK_MIN = 1_000  # also the gap that the loss of Redis leaves in the numbers of a small sale
WAIT_SAMPLES = 1_000
ASK_MAX_S = 600
ASK_ABOUT_MAX_S = 2_880  # for places that are not looked up; an hour at most with jitter
ASK_IDLE_S = 75  # while nobody is called; with jitter less than the usual claim window
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
    """The draw: the first 52 bits of HMAC-SHA256(seed, visitor_id); the lowest is called first."""
    digest = hmac.digest(seed, visitor_id.encode(), hashlib.sha256)
    return int.from_bytes(digest[:7]) >> (56 - DRAW_BITS)


def draw_key(seed: bytes, root: bytes | None) -> bytes:
    """The key of the draws: the seed, or HMAC-SHA256(seed, root) if `root` (a log's root or the randomness of
    a round) is mixed in."""
    return hmac.digest(seed, root, "sha256") if root else seed


def commitment(seed: bytes) -> str:
    """The commitment to a seed, published before the opening."""
    return hashlib.sha256(seed).hexdigest()


def poll_after_s(ahead: int, p50_s: int | None, jitter01: float, most_s: int = ASK_MAX_S) -> int:
    """Seconds until the place should be polled again: three quarters of the wait, at most `most_s`.

    The shared status document tells everybody how the queue moves and when it is their turn. The place adds
    only how many ahead have left, which changes little, so it is polled about as often as the remaining wait
    drops to a quarter: a dozen times for a wait of an hour. Polling at a tenth of the wait took two requests
    a minute from every visitor of a queue of 100,000 (`load/fans/origin.py` measures it). A client without
    the shared document still polls before its turn, unless the queue moves faster than estimated. Only the
    first few poll more often than every 30 s: that is for small rooms, and costs a large one nothing.

    `p50_s` None: nobody is called. `jitter01`: see `spread_s`.
    """
    if p50_s is None:
        return spread_s(max(ASK_IDLE_S, min(ASK_MAX_S, ahead)), jitter01)
    return spread_s(min(most_s, max(min(ASK_FAR_MIN_S, 2 + 2 * ahead), p50_s * 3 / 4)), jitter01)


def spread_s(seconds: float, jitter01: float) -> int:
    """Whole seconds, at least 2; `jitter01` in 0 to 1 spreads them by a quarter each way, to disperse
    clients that arrived together."""
    return max(2, round(seconds * (0.75 + 0.5 * jitter01)))


def numbers_block(last_number: int) -> int:
    """How many queue numbers to reserve at once: enough for one second of the fastest rush so far."""
    return max(NUMBERS_BLOCK_MIN, last_number // 2)


def due_state(state: RoomState, settings: RoomSettings, now_ms: int) -> RoomState:
    """The state after applying the schedule; `include/schedule.lua` does the same in Redis."""

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
    """The state after an action by staff. Raises Conflict if the action is impossible."""
    after = _AFTER[action].get(state)
    if after is None:
        raise Conflict(f"You cannot {action} a room that is {state}.")
    return after


def after_manual_change(before: RoomSettings, after: RoomSettings) -> RoomSettings:
    """The settings after a manual change: if staff set the rate, the autopilot is paused."""
    on = after.autopilot
    if on is None or before.admission_rate_per_minute == after.admission_rate_per_minute:
        return after
    return msgspec.structs.replace(after, autopilot=msgspec.structs.replace(on, paused=True))


def check_times(settings: RoomSettings) -> None:
    """Check the order of pre-queue, opening and closing, and that only members' time has an end. Raises
    ValidationFailed naming the later field."""
    begins = settings.prequeue_at
    if begins and settings.opens_at and settings.opens_at < begins:
        raise ValidationFailed("opens_at", "must be at or after prequeue_at")
    if settings.closes_at and settings.opens_at and settings.closes_at <= settings.opens_at:
        raise ValidationFailed("closes_at", "must be after opens_at")
    if settings.closes_at and begins and settings.closes_at <= begins:
        raise ValidationFailed("closes_at", "must be after prequeue_at")
    if settings.members_until and not settings.members_only:
        raise ValidationFailed("members_until", "only applies to a room for members: set members_only")


def is_for_members(settings: RoomSettings, now_ms: int) -> bool:
    """Whether only members may join now; `include/members.lua` decides."""
    return settings.members_only and (
        settings.members_until is None or now_ms < to_ms(settings.members_until)
    )


def check_sale_window(sale_from: datetime | None, sale_until: datetime | None, field: str = "") -> None:
    """Check that a sale ends after it starts. Raises ValidationFailed naming the field's `sale_until`."""
    if sale_from and sale_until and sale_until <= sale_from:
        raise ValidationFailed(f"{field}.sale_until".removeprefix("."), "must be after sale_from")


def sold_until(event: Event, sale_until: datetime | None) -> datetime | None:
    """When the sale of a ticket type ends: at the start or the cancellation of the event at the latest,
    unless staff sell beyond it."""
    if event.cancelled_at is not None:
        return event.cancelled_at if sale_until is None else min(sale_until, event.cancelled_at)
    if event.sell_after_start:
        return sale_until
    return event.starts_at if sale_until is None else min(sale_until, event.starts_at)


def wait_percentiles_s(progress: Sequence[tuple[int, int, int]]) -> dict[str, int] | None:
    """Percentiles of how long called visitors waited, from points (at_ms, serving_position, last_number).

    Arrivals are not stored: a number was given when `last_number` reached it, and called when the serving
    position did. None: nobody has been called yet.
    """
    serving = list(accumulate((moment[1] for moment in progress), max))
    numbers = list(accumulate((max(moment[1:]) for moment in progress), max))
    if not serving or serving[-1] == 0:
        return None
    step = max(1, serving[-1] // WAIT_SAMPLES)
    waits = sorted(
        max(0, progress[bisect_left(serving, number)][0] - progress[bisect_left(numbers, number)][0]) // 1000
        for number in range(1, serving[-1] + 1, step)
    )
    return {f"p{share}": waits[(len(waits) - 1) * share // 100] for share in (50, 90, 99)}
