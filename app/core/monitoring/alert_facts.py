"""Input of the alert rules: an installation and its rooms at one moment, frozen. None: not known right
now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from app.core.model import RoomState, Struct

MINUTE_MS = 60_000
CALLS_OVER_MS = 2 * MINUTE_MS
RATES_OVER_MS = 3 * MINUTE_MS
TURNS_OVER_MS = 10 * MINUTE_MS
READINGS_MAX = 1_000  # per room


class Workers(Struct, frozen=True):
    """Workers by their heartbeats. `silent`: those whose heartbeat stopped without a sign-off."""

    alive: int
    silent: tuple[str, ...] = ()
    most_lately: int = 0  # alive at once within the last hour


class RoomFacts(Struct, frozen=True):
    """A busy room."""

    room_id: str
    name: str
    now_ms: int
    state: RoomState
    waiting: int
    rate_per_minute: int
    full: bool  # the maximum is inside, or there is no free ticket for one more
    still_since_ms: int  # 0: the queue moves, or the reason why not is known
    backlog: int  # reservation requests
    drift: int | None = None  # difference between the tickets counted and the total
    calls_per_minute: float | None = None  # over the last two minutes
    rate_least: int = 0  # lowest over the last three minutes, as are the fields below
    rate_most: int = 0
    was_full: bool = False
    called: int | None = None  # in ten minutes
    no_shows: int = 0


class Facts(Struct, frozen=True):
    """The installation."""

    now_ms: int
    workers: Workers | None = None
    rooms: tuple[RoomFacts, ...] | None = None
    stores_away: Mapping[str, str] = {}  # why, by store
    breaking: tuple[str, ...] | None = None  # loops that fail on every worker
    set_aside: int | None = None
    outbox_lag_s: float | None = None
    webhooks_pending: int | None = None
    mails_pending: int | None = None
    gateway_open: bool | None = None  # whether calls to the payment gateway are being held back
    key_ages_days: Mapping[str, int] | None = None  # by purpose
    disks_free: Mapping[str, int] | None = None  # percent, by folder
    memory_used: Mapping[str, int] | None = None  # percent, by Redis server; only of those with a limit
    errors_percent: float | None = None  # of the calls of the last five minutes
    calls: int = 0  # in these
    reserve_p99_ms: int | None = None


class Reading(NamedTuple):
    """A room's counters at one moment."""

    at_ms: int
    admitted: int
    no_shows: int
    rate_per_minute: int
    full: bool


class Trend(NamedTuple):
    """What the readings of a room add up to; None where they do not go back far enough."""

    calls_per_minute: float | None
    rate_least: int
    rate_most: int
    was_full: bool
    called: int | None
    no_shows: int


def with_reading(readings: Sequence[Reading], new: Reading) -> tuple[Reading, ...]:
    """Append a reading and drop the old ones. Counters that fell were lost with Redis, so the series
    starts over."""
    if readings and (new.admitted < readings[-1].admitted or new.at_ms < readings[-1].at_ms):
        return (new,)
    first = next((i for i, it in enumerate(readings) if it.at_ms >= new.at_ms - TURNS_OVER_MS - MINUTE_MS), 0)
    return (*readings[max(first, len(readings) - READINGS_MAX) :], new)


def trend(readings: Sequence[Reading]) -> Trend:
    """The trend as of the last reading."""
    last = readings[-1]
    lately = [it for it in readings if it.at_ms >= last.at_ms - RATES_OVER_MS]
    calls, turns = (_since(readings, last.at_ms - over_ms) for over_ms in (CALLS_OVER_MS, TURNS_OVER_MS))
    return Trend(
        None if calls is None else (last.admitted - calls.admitted) * MINUTE_MS / (last.at_ms - calls.at_ms),
        min(it.rate_per_minute for it in lately),
        max(it.rate_per_minute for it in lately),
        any(it.full for it in lately),
        None if turns is None else last.admitted - turns.admitted,
        0 if turns is None else last.no_shows - turns.no_shows,
    )


def _since(readings: Iterable[Reading], at_ms: int) -> Reading | None:
    """The last reading before this time."""
    last = None
    for reading in readings:
        if reading.at_ms > at_ms:
            break
        last = reading
    return last
