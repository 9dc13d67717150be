"""The visitors' scripts as typed functions. Others are in `admission` and `restoring`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast, get_args

from app.core.clock import REDIS_TIME
from app.core.model import Blocked, LaneStatus, Pace, Place, PlaceState, RoomStatus, Slower, VisitorId
from app.core.ranges import ranges_text, read_ranges
from app.core.script_constants import HEAD
from app.store.connections import RedisClient
from app.store.keys import ENDED_CHANNEL, RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.shared_round_trips import call_each

NO_TOKEN, NUMBERLESS, NOT_DRAWN = -1, 0, -2  # values of `known_number` other than queue numbers
# Values of `known_epoch` for an older token after Postgres was asked how the visitor's places ended: in
# general, and if this place was carried to them and has not ended.
CHECKED, CARRIED = -1, -2
NO_DRAW = ""  # `draw` in a room without a lottery; a script that needs one answers no_draw

_STATES = frozenset(get_args(PlaceState))
_ANSWERING = ("join", "place", "claim", "enter")
_REFUSALS = replies.words(*_ANSWERING, part="EACH") - _STATES
_BLOCKED = frozenset(get_args(Blocked))
RECORD = replies.answers("join", "EACH").values[""]
WIDTH = len(RECORD)


class NotLoaded(Exception):
    """This Redis has not loaded the room: it is empty, restarted or new. Restore the room, then retry."""


class JoinRecord(NamedTuple):
    """One record of `join`; a tuple, since thousands per second become ARGV."""

    visitor_id: str
    address: str
    draw: int | str
    known_number: int
    known_epoch: int
    known_quantity: int = 0
    quantity: int = 0  # wanted at once; 0: not specified
    returns: int = 0  # 1: wants a place in the returns queue if sold out


class AskRecord(NamedTuple):
    """One record of `place` and `claim`."""

    visitor_id: str
    draw: int | str
    known_number: int
    known_epoch: int
    known_quantity: int = 0
    quantity: int = 0  # wanted at once from now on; 0, and always for `claim`: not specified


class RefusedRecord(NamedTuple):
    """A refused record; `word` says why."""

    word: str
    retry_after_ms: int


class Answers(NamedTuple):
    """One reply: the room after the batch, and the answer for each record in order."""

    status: RoomStatus
    places: list[Place | RefusedRecord]


def checked_word(word: str, words: Collection[str]) -> str:
    """The word, if it is one of these; any other is a bug in the script."""
    if word not in words:
        raise ValueError(f"a script answered {word!r}")
    return word


def status_word(name: str, reply: Sequence[Any]) -> str:
    """The word of this script's reply."""
    return checked_word(reply[0], replies.answers(name).words)


def loaded(reply: list[Any]) -> list[Any]:
    """The reply. Raises NotLoaded if the room is not loaded."""
    if reply[0] == "unknown":
        raise NotLoaded
    return reply


def room_status(reply: Sequence[Any]) -> RoomStatus:
    """Parse the head of a reply."""
    return _head(*reply[:HEAD])


def _head(
    now_ms: int,
    version: int,
    epoch: int,
    state: Any,
    serving_position: int | str,
    last_number: int,
    waiting: int,
    called: int,
    active: int,
    outflow: int,
    free: int,
    opened_at_ms: int,
    held: int,
    pace: str,
    blocked: str,
    generation: str,
    moved_ms: int,
) -> RoomStatus:
    lanes = [] if isinstance(serving_position, int) else read_lanes(serving_position)
    return RoomStatus(
        now_ms=now_ms,
        version=version,
        epoch=epoch,
        state=state,
        serving_position=lanes[0].serving_position if lanes else int(serving_position),
        lanes=lanes,
        last_number=last_number,
        waiting=waiting,
        called=called,
        active=active,
        outflow_per_minute=outflow,
        available=None if free < 0 else free,
        opened_at_ms=opened_at_ms,
        held=None if held < 0 else held,
        pace=read_pace(pace) if pace else None,
        blocked=cast(Blocked, checked_word(blocked, _BLOCKED)),
        generation=generation,
        moved_ms=moved_ms,
    )


def read_lanes(text: str) -> list[LaneStatus]:
    """Parse the lanes of a room, if it has any."""
    figures = [int(it) for it in text.split(" ")]
    return [LaneStatus(*it) for it in zip(figures[::3], figures[1::3], figures[2::3], strict=True)]


def pace_text(pace: Pace | None) -> str:
    """A pace in the form Redis stores; "" for none. Its ranges are the last word."""
    if pace is None:
        return ""
    figures = f"{pace.first_s:.6g} {pace.base_s:.6g} {pace.each_s:.6g}"
    return f"{pace.rate_per_minute} {figures} {pace.since_ms} {pace.why} {ranges_text(pace.ranges)}"


def read_pace(text: str) -> Pace:
    """Parse a stored pace."""
    rate, first, base, each, since, why, *learned = text.split(" ")
    figures = int(rate), float(first), float(base), float(each), int(since)
    return Pace(*figures, _why(why), read_ranges("".join(learned)))


def _why(word: str) -> Slower:
    return cast(Slower, checked_word(word, get_args(Slower)))


def _answer(
    visitor_id: Any, word: Any, number: int, ahead: int, deadline_ms: int, new: int, quantity: int
) -> Place | RefusedRecord:
    if word not in _STATES:
        return RefusedRecord(checked_word(word, _REFUSALS), number)
    return Place(
        visitor_id=visitor_id,
        state=word,
        queue_number=number if number and word != "prequeue" else None,
        ahead=ahead if word == "waiting" else None,
        claim_by_ms=deadline_ms if word == "called" else 0,
        session_expires_at_ms=deadline_ms if word == "active" else 0,
        new=new > 0,
        token_number=number or None,
        quantity=quantity,
    )


def answers(reply: list[Any], records: Sequence[JoinRecord] | Sequence[AskRecord]) -> Answers:
    """A script's answer for each record. Raises NotLoaded."""
    values = iter(loaded(reply)[HEAD:])
    rows = zip(*[values] * WIDTH, strict=True)
    places = [_answer(record[0], *row) for record, row in zip(records, rows, strict=True)]
    return Answers(room_status(reply), places)


async def join(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[JoinRecord],
    *,
    rate: int,
    burst: int,
    away: int = 0,
    now_ms: int = REDIS_TIME,
) -> Answers:
    """Give each record a place. Throttled by address: `rate` per minute with `burst`; 0: no limit.

    `away` 1: Postgres is unavailable, so nobody is called, because they could not claim.
    """
    reply = await call(
        redis, "join", keys, chain.from_iterable(records), rate=rate, burst=burst, away=away, now_ms=now_ms
    )
    return answers(reply, records)


async def place(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[AskRecord],
    *,
    rate: int,
    burst: int,
    now_ms: int = REDIS_TIME,
) -> Answers:
    """The place of each record. Throttled by place."""
    reply = await call(
        redis, "place", keys, chain.from_iterable(records), rate=rate, burst=burst, now_ms=now_ms
    )
    return answers(reply, records)


async def claim(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[AskRecord],
    *,
    rate: int,
    burst: int,
    away_ms: int = 0,
    now_ms: int = REDIS_TIME,
) -> Answers:
    """Start a session for each called visitor. Throttled together with `place`.

    `away_ms`: how long Postgres has not answered; no session starts, as it could not be stored.
    """
    reply = await call(
        redis,
        "claim",
        keys,
        chain.from_iterable(records),
        rate=rate,
        burst=burst,
        away_ms=away_ms,
        now_ms=now_ms,
    )
    return answers(reply, records)


async def leave(
    redis: RedisClient,
    keys: RoomKeys,
    visitor_id: VisitorId,
    known_number: int = NO_TOKEN,
    known_epoch: int = 0,
    *,
    now_ms: int = REDIS_TIME,
) -> str:
    """Leave the queue or end the session; returns how the place ended, now or before (`absent`: unknown)."""
    claimed = {"known_number": known_number, "known_epoch": known_epoch, "now_ms": now_ms}
    channel = ENDED_CHANNEL + keys.room_id
    reply = await call(redis, "leave", keys, visitor_id=visitor_id, ended_channel=channel, **claimed)
    return status_word("leave", loaded(reply))


async def remove(
    redis: RedisClient, keys: RoomKeys, visitor_id: VisitorId, *, now_ms: int = REDIS_TIME
) -> None:
    """Remove visitors from the room for good."""
    channel = ENDED_CHANNEL + keys.room_id
    answer = await call(redis, "remove", keys, visitor_id=visitor_id, ended_channel=channel, now_ms=now_ms)
    status_word("remove", loaded(answer))


async def status(redis: RedisClient, keys: RoomKeys, *, now_ms: int = REDIS_TIME) -> RoomStatus:
    """The room's live numbers."""
    return room_status(loaded(await call(redis, "status", keys, now_ms=now_ms)))


async def statuses(redis: RedisClient, rooms: Sequence[RoomKeys]) -> list[RoomStatus | None]:
    """The live numbers of many rooms; None for one that is not loaded or that Redis cannot answer for."""
    replies = await call_each(redis, "status", rooms, now_ms=REDIS_TIME)
    return [None if _is_nothing(it) else room_status(it) for it in replies]


def _is_nothing(reply: Any) -> bool:
    return isinstance(reply, Exception) or reply[0] == "unknown"


replies.check("status", replies.parameters(_head))
for _script in _ANSWERING:
    replies.check(_script, replies.parameters(_answer)[1:], part="EACH")
