"""The scripts of the controller and of restoring, as typed functions; visitors' scripts are in `room`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from app.core.clock import REDIS_TIME
from app.core.model import Pace, RoomStatus, VisitorId
from app.core.script_constants import HEAD
from app.core.waiting_room.wait_estimate import Moment
from app.store.connections import RedisClient
from app.store.keys import STATUS_CHANNEL, RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import NotLoaded, loaded, pace_text, room_status, status_word
from app.store.scripts.shared_round_trips import call_each


class Tick(NamedTuple):
    """The actions and findings of one tick of the controller."""

    status: RoomStatus
    restoring: bool
    more: bool  # the limit was reached: tick again at once
    undrawn: bool  # the pre-queue of an open room is not fully drawn
    numbers_left: int  # how many may be given before Postgres must reserve more
    tell: bool  # this tick published a change of the status
    calls: int
    moment: Moment  # input of the wait estimate
    due_in_ms: int | None  # until the next scheduled time; None: there is none
    backlog: int  # reservation requests not settled yet
    call_in_ms: int | None  # until the rate allows the next call; None: nobody is waiting for that
    unkept: bool  # places ended that may not be in Postgres yet
    visitor_events: int  # visitor events waiting to be published
    dropped: int  # visitor events lost to the cap since the room was loaded
    noted: int  # events not yet written to the room's public log
    parts: int  # of the room that joins are spread over; 0: the room has none


class OutageReport(NamedTuple):
    """A worker's knowledge of both stores at a tick, in Redis time (ms)."""

    # until when they are known to have answered; 0: until now, -1: the worker has just started
    sure_ms: int = 0
    away_from_ms: int = 0  # start of the last outage it noticed; below 0: how long ago
    away_until_ms: int = 0  # and its end


NO_OUTAGE = OutageReport()


class TickReply(NamedTuple):
    """The reply of `admit` after the head."""

    restoring: int
    more: int
    undrawn: int
    numbers_left: int
    tell: int
    calls: int
    rate: int
    claim_window_ms: int
    admitted: int
    no_shows: int
    unclaimed: int
    tokens_left: int
    stay_ms: int
    due_in_ms: int
    backlog: int
    call_in_ms: int
    unkept: int
    visitor_events: int
    dropped: int
    noted: int
    parts: int


class NextEntrants(NamedTuple):
    """The next entrants of a draw; `visitor_ids` empty: nobody, or not yet."""

    draw_next: int
    draw_last: int
    visitor_ids: list[VisitorId]


class Numbers(NamedTuple):
    """The numbers given so far; `draw_first` 0: none are reserved for a draw."""

    epoch: int
    version: int
    state: str
    opened_at_ms: int
    last_number: int
    numbers_reserved: int
    draw_first: int
    draw_last: int
    generation: str = ""


class Counters(NamedTuple):
    """Counts since a room was created, or since Redis was lost."""

    joined: int
    admitted: int  # calls
    no_shows: int
    claimed: int
    expired: int
    left: int
    done: int  # sessions ended by their visitor, by staff, or by a confirmed purchase


async def admit(
    redis: RedisClient,
    keys: RoomKeys,
    *,
    limit: int,
    outages: OutageReport = NO_OUTAGE,
    now_ms: int = REDIS_TIME,
) -> Tick:
    """Run one admission tick of at most `limit` calls.

    A limit of 0 (Postgres is unavailable): nobody is called, nothing ends, claim windows stand still.
    """
    (tick,) = await admit_each(redis, [(keys, outages)], limit=limit, now_ms=now_ms)
    if isinstance(tick, Exception):
        raise tick
    return tick


async def admit_each(
    redis: RedisClient,
    rooms: Sequence[tuple[RoomKeys, OutageReport]],
    *,
    limit: int,
    now_ms: int = REDIS_TIME,
) -> list[Tick | Exception]:
    """Tick each of these rooms; a room that fails yields NotLoaded or its error instead."""
    reports = dict(rooms)

    def own(keys: RoomKeys) -> dict[str, str | int]:
        return {"channel": STATUS_CHANNEL + keys.room_id, **reports[keys]._asdict()}

    replies = await call_each(redis, "admit", [keys for keys, _ in rooms], own, limit=limit, now_ms=now_ms)
    return [it if isinstance(it, Exception) else _tick(it) for it in replies]


def _tick(reply: list[Any]) -> Tick | NotLoaded:
    if reply[0] == "unknown":
        return NotLoaded()
    return _ticked(room_status(reply), TickReply(*reply[HEAD:]))


def _ticked(status: RoomStatus, reply: TickReply) -> Tick:
    return Tick(
        status,
        reply.restoring == 1,
        reply.more == 1,
        reply.undrawn == 1,
        reply.numbers_left,
        reply.tell == 1,
        reply.calls,
        _moment(status, reply),
        None if reply.due_in_ms < 0 else reply.due_in_ms,
        reply.backlog,
        None if reply.call_in_ms < 0 else reply.call_in_ms,
        reply.unkept > 0,
        reply.visitor_events,
        reply.dropped,
        reply.noted,
        reply.parts,
    )


def _moment(status: RoomStatus, reply: TickReply) -> Moment:
    by_calls = bool(status.lanes or reply.parts)  # here numbers do not count calls
    return Moment(
        now_ms=status.now_ms,
        state=status.state,
        rate_per_minute=reply.rate,
        claim_window_ms=reply.claim_window_ms,
        waiting=status.waiting,
        called=status.called,
        admitted=reply.admitted,
        no_shows=reply.no_shows,
        unclaimed=reply.unclaimed,
        tokens_left=reply.tokens_left == 1,
        stay_ms=reply.stay_ms,
        passed=reply.admitted if by_calls else status.serving_position,
        ahead=status.waiting if by_calls else status.last_number - status.serving_position,
    )


async def show_pace(redis: RedisClient, keys: RoomKeys, expected: Pace | None, pace: Pace) -> bool:
    """Use this pace to estimate waits. Returns False if another worker changed it since `expected` was
    read."""
    reply = await call(redis, "show_pace", keys, expected=pace_text(expected), pace=pace_text(pace))
    return status_word("show_pace", reply) == "written"


async def undrawn(
    redis: RedisClient, keys: RoomKeys, *, limit: int, now_ms: int = REDIS_TIME
) -> NextEntrants:
    """The next `limit` entrants to draw."""
    draw_next, draw_last, *visitor_ids = loaded(
        await call(redis, "undrawn", keys, limit=limit, now_ms=now_ms)
    )
    return NextEntrants(draw_next, draw_last, visitor_ids)


async def mix(
    redis: RedisClient,
    keys: RoomKeys,
    records: Mapping[VisitorId, int],
    *,
    mixed: str,
    now_ms: int = REDIS_TIME,
) -> None:
    """Redraw these, if they are in the pre-queue; `mixed`: the root, once all have been redrawn with it."""
    loaded(await call(redis, "mix", keys, chain.from_iterable(records.items()), mixed=mixed, now_ms=now_ms))


async def draw(
    redis: RedisClient,
    keys: RoomKeys,
    records: Mapping[VisitorId, int],
    *,
    expected: int,
    draw_next: int,
    now_ms: int = REDIS_TIME,
) -> bool:
    """Give these their numbers; False if another worker did so meanwhile."""
    reply = loaded(
        await call(
            redis,
            "draw",
            keys,
            chain.from_iterable(records.items()),
            expected=expected,
            draw_next=draw_next,
            now_ms=now_ms,
        )
    )
    return status_word("draw", reply) == "drawn"


async def configure(
    redis: RedisClient,
    keys: RoomKeys,
    records: Mapping[str, str | int],
    *,
    version: int,
    to: str,
    now_ms: int = REDIS_TIME,
) -> RoomStatus:
    """Write the settings of `version` and enter state `to`; an older version changes nothing."""
    fields = chain.from_iterable(records.items())
    return room_status(
        loaded(await call(redis, "configure", keys, fields, version=version, to=to, now_ms=now_ms))
    )


async def take_log(redis: RedisClient, keys: RoomKeys, *, after: str, upto: int) -> None:
    """Delete entries that have been written to the public log, up to the entry `upto`."""
    status_word("take_log", await call(redis, "take_log", keys, after=after, upto=upto))


async def numbers(redis: RedisClient, keys: RoomKeys) -> Numbers:
    """The numbers that PostgreSQL must have recorded before more are given."""
    return Numbers(*loaded(await call(redis, "numbers", keys)))


async def counters(redis: RedisClient, keys: RoomKeys) -> Counters:
    """The counters."""
    return Counters(*loaded(await call(redis, "counters", keys)))


async def counters_of(redis: RedisClient, rooms: Sequence[RoomKeys]) -> list[Counters | None]:
    """The counters of many rooms; None for one that is not loaded or that Redis cannot answer for."""
    replies = await call_each(redis, "counters", rooms)
    return [None if isinstance(it, Exception) or it[0] == "unknown" else Counters(*it) for it in replies]


async def raise_numbers(
    redis: RedisClient, keys: RoomKeys, *, epoch: int, draw_last: int, numbers: int
) -> bool:
    """Allow numbers up to `numbers`; False if the room has changed since they were reserved."""
    reply = loaded(
        await call(redis, "raise_numbers", keys, epoch=epoch, draw_last=draw_last, numbers=numbers)
    )
    return status_word("raise_numbers", reply) == "raised"


replies.check("admit", ("head", *TickReply._fields))
replies.check("undrawn", NextEntrants._fields[:2])
replies.check("numbers", Numbers._fields)
replies.check("counters", Counters._fields)
