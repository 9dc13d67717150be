"""The scripts of rooms in parts, as typed functions: see `core/parts.py` for what a part is.

Keys of a part are `RoomKeys` of its `part_id`; `rounds` and `gather` are of the room itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Literal, NamedTuple, cast, get_args

from app.core.clock import REDIS_TIME
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import NotLoaded, known, loaded, told

Word = Literal["new", "known", "before", "forgotten", "limited", "exhausted"]
_WORDS = frozenset(get_args(Word))


class Rounds(NamedTuple):
    """The round of numbers that parts give out; `size` 0: there is none, or no number is left for one."""

    epoch: int
    generation: str
    parts: int
    first: int  # 1: nobody had joined before this epoch
    ready: int  # 1: all parts were opened for this epoch
    number: int
    base: int
    size: int  # numbers for each part
    gathered_to: int  # the queue has everybody up to this number


class Turned(NamedTuple):
    """A part as it was read; `arrivals`: visitors and their numbers, lowest first."""

    complete: int  # all with numbers up to here were read, and none of these is given out any more
    used: int  # numbers of its round that it gave out
    used_before: int  # of the round that ended now
    arrivals: list[tuple[str, int]]


class ArrivalRecord(NamedTuple):
    """One record of `arrive`; `again`: their number up to this one is over, 0 for none.

    `asked`, 1: the room says that they have no place there.
    """

    visitor_id: str
    address: str
    again: int = 0
    asked: int = 0


class Arrival(NamedTuple):
    """What a part answers a visitor: `number` is ms to wait if they are `limited`."""

    word: Word
    number: int


class Arrived(NamedTuple):
    """What a part answers a batch."""

    epoch: int
    round: int
    arrivals: list[Arrival]


class PartLost(Exception):
    """A part is not what was opened: empty, restarted, or promoted from a replica that may lack a second."""


async def rounds(
    redis: RedisClient,
    keys: RoomKeys,
    *,
    opened: int = 0,
    lost: int = 0,
    after: int = -1,
    hurry: int = 0,
    most: int = 0,
    now_ms: int = REDIS_TIME,
) -> Rounds:
    """The round that is given out; behind the round `after` another one, if it is time. Raises NotLoaded.

    `most`: numbers of it for each part; in a `hurry` at least twice as many as before. `lost`, an epoch: a
    part lost what it had in it, and the room is to be restored.
    """
    given = {"opened": opened, "lost": lost, "after": after, "hurry": hurry, "most": most}
    return Rounds(*loaded(await call(redis, "rounds", keys, now_ms=now_ms, **given)))


async def gather(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[tuple[str, int]],
    *,
    epoch: int,
    expected: int,
    to: int,
    now_ms: int = REDIS_TIME,
) -> bool:
    """Move these from the parts into the queue; False when another worker did. Raises NotLoaded."""
    flat: Iterator[str | int] = chain.from_iterable(records)
    reply = await call(redis, "gather", keys, flat, epoch=epoch, expected=expected, to=to, now_ms=now_ms)
    return told("gather", loaded(reply)) == "gathered"


async def open_part(
    redis: RedisClient, keys: RoomKeys, *, generation: str, epoch: int, first: int = 0
) -> None:
    """Open a part for an epoch, unless it is. `first`, 1: nobody had joined before."""
    told(
        "open_part",
        await call(redis, "open_part", keys, generation=generation, epoch=epoch, first=first),
    )


async def turn_part(
    redis: RedisClient,
    keys: RoomKeys,
    *,
    epoch: int,
    number: int,
    base: int,
    size: int,
    place: int,
    parts: int,
    after: int,
    limit: int,
) -> Turned:
    """Give a part its numbers of a round, and read who joined it. Raises PartLost."""
    of_round = {"epoch": epoch, "number": number, "base": base, "size": size}
    reply = await call(
        redis, "turn_part", keys, place=place, parts=parts, after=after, limit=limit, **of_round
    )
    if reply[0] == "lost":
        raise PartLost
    complete, used, used_before, *found = reply
    return Turned(complete, used, used_before, [(it, int(number)) for it, number in _pairs(found)])


async def arrive(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[ArrivalRecord],
    *,
    rate: int,
    burst: int,
    parts: int,
    now_ms: int = REDIS_TIME,
) -> Arrived:
    """Give each a number of the part's round. Throttled by address. Raises NotLoaded."""
    flat: Iterator[str | int] = chain.from_iterable(records)
    reply = await call(redis, "arrive", keys, flat, rate=rate, burst=burst, parts=parts, now_ms=now_ms)
    if reply[0] == "unknown":
        raise NotLoaded
    epoch, number, *found = reply
    said = [Arrival(cast(Word, known(word, _WORDS)), it) for word, it in _pairs(found)]
    return Arrived(epoch, number, said)


async def forget_part(redis: RedisClient, keys: RoomKeys, *, generation: str) -> None:
    """Take a part of a room that is gone out of Redis."""
    told("forget_part", await call(redis, "forget_part", keys, generation=generation))


def _pairs(flat: Sequence[str | int]) -> list[tuple[str, int]]:
    return cast(list[tuple[str, int]], list(zip(flat[::2], flat[1::2], strict=True)))


replies.check("rounds", Rounds._fields)
replies.check("turn_part", Turned._fields[:3])
replies.check("arrive", Arrived._fields[:2])
