"""The scripts of rooms in parts, as typed functions; `core/waiting_room/parts.py` explains parts.

Keys of a part are the `RoomKeys` of its `part_id`; `rounds` and `gather` run on the room itself.
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
from app.store.scripts.room import NotLoaded, checked_word, loaded, status_word

Word = Literal["new", "known", "before", "forgotten", "limited", "exhausted"]
_WORDS = frozenset(get_args(Word))


class Rounds(NamedTuple):
    """The round of numbers that parts give out; `size` 0: there is none, or no numbers are left for one."""

    epoch: int
    generation: str
    parts: int
    first: int  # 1: nobody had joined before this epoch
    ready: int  # 1: all parts were opened for this epoch
    number: int
    base: int
    size: int  # numbers per part
    gathered_to: int  # everybody up to this number is in the queue


class PartContents(NamedTuple):
    """The contents of a part; `arrivals`: visitors and their numbers, lowest first."""

    complete: int  # everybody up to this number was read, and no more of these will be given out
    used: int  # how many numbers of its round it has given out
    used_before: int  # the same for the round that has just ended
    arrivals: list[tuple[str, int]]


class ArrivalRecord(NamedTuple):
    """One record of `arrive`; `again`: numbers of theirs up to this one are no longer valid, 0 for none.

    `asked`, 1: the room was asked and has no place for them.
    """

    visitor_id: str
    address: str
    again: int = 0
    asked: int = 0


class Arrival(NamedTuple):
    """A part's answer to a visitor; `number` is the ms to wait if they are `limited`."""

    word: Word
    number: int


class ArrivalReply(NamedTuple):
    """A part's answers to a batch."""

    epoch: int
    round: int
    arrivals: list[Arrival]


class PartLost(Exception):
    """A part is not the one that was opened: it is empty, restarted, or promoted from a lagging replica."""


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
    """Return the round being given out, starting the one after round `after` if it is time. Raises NotLoaded.

    `most`: its numbers per part; in a `hurry`, at least twice as many as before. `lost`: the epoch in which a
    part lost its data, so that the room has to be restored.
    """
    scalars = {"opened": opened, "lost": lost, "after": after, "hurry": hurry, "most": most}
    return Rounds(*loaded(await call(redis, "rounds", keys, now_ms=now_ms, **scalars)))


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
    """Move these from the parts into the queue; False if another worker did. Raises NotLoaded."""
    flat: Iterator[str | int] = chain.from_iterable(records)
    reply = await call(redis, "gather", keys, flat, epoch=epoch, expected=expected, to=to, now_ms=now_ms)
    return status_word("gather", loaded(reply)) == "gathered"


async def open_part(
    redis: RedisClient, keys: RoomKeys, *, generation: str, epoch: int, first: int = 0
) -> None:
    """Open a part for an epoch, unless it is open. `first`, 1: nobody had joined before."""
    status_word(
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
) -> PartContents:
    """Give a part its numbers for a round, and read who has joined it. Raises PartLost."""
    of_round = {"epoch": epoch, "number": number, "base": base, "size": size}
    reply = await call(
        redis, "turn_part", keys, place=place, parts=parts, after=after, limit=limit, **of_round
    )
    if reply[0] == "lost":
        raise PartLost
    complete, used, used_before, *pairs = reply
    return PartContents(complete, used, used_before, [(it, int(number)) for it, number in _pairs(pairs)])


async def arrive(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[ArrivalRecord],
    *,
    rate: int,
    burst: int,
    parts: int,
    now_ms: int = REDIS_TIME,
) -> ArrivalReply:
    """Give each visitor a number of the part's round. Throttled by address. Raises NotLoaded."""
    flat: Iterator[str | int] = chain.from_iterable(records)
    reply = await call(redis, "arrive", keys, flat, rate=rate, burst=burst, parts=parts, now_ms=now_ms)
    if reply[0] == "unknown":
        raise NotLoaded
    epoch, number, *pairs = reply
    arrivals = [Arrival(cast(Word, checked_word(word, _WORDS)), it) for word, it in _pairs(pairs)]
    return ArrivalReply(epoch, number, arrivals)


async def forget_part(redis: RedisClient, keys: RoomKeys, *, generation: str) -> None:
    """Delete a part of a deleted room from Redis."""
    status_word("forget_part", await call(redis, "forget_part", keys, generation=generation))


def _pairs(flat: Sequence[str | int]) -> list[tuple[str, int]]:
    return cast(list[tuple[str, int]], list(zip(flat[::2], flat[1::2], strict=True)))


replies.check("rounds", Rounds._fields)
replies.check("turn_part", PartContents._fields[:3])
replies.check("arrive", ArrivalReply._fields[:2])
