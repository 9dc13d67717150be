"""The gate's scripts, as typed functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from app.core.clock import REDIS_TIME
from app.core.model import Place, RoomId, VisitorId
from app.core.script_constants import HEAD
from app.core.tokens.handover import TICKET_TTL_S
from app.store.connections import RedisClient
from app.store.keys import ENDED_CHANNEL, RoomKeys
from app.store.scripts.loader import call
from app.store.scripts.room import RECORD, WIDTH, Answers, JoinRecord, answers, loaded, status_word

# Where an answer says that the session is new, and the value there if it is new without a turn.
NEW, JOINED = RECORD.index("new"), 2


class BeingRestored(Exception):
    """The room's sessions are still being loaded, so a missing one may not have ended."""


class RenewRecord(NamedTuple):
    """One record of `renew`."""

    visitor_id: VisitorId
    number: int
    limit_ms: int = 0  # the maximum length of the session; 0: no limit


class EarlyEnd(NamedTuple):
    """A session that ended before its time."""

    visitor_id: VisitorId
    number: int
    ended_ms: int
    until_ms: int  # when its last pass expires


async def enter(
    redis: RedisClient,
    keys: RoomKeys,
    records: Sequence[JoinRecord],
    *,
    rate: int,
    burst: int,
    now_ms: int = REDIS_TIME,
) -> Answers:
    """Start a session for each visitor whose turn it is or, with a quantity, would be at once. Throttled
    as `join`."""
    reply = await call(
        redis,
        "enter",
        keys,
        chain.from_iterable(records),
        rate=rate,
        burst=burst,
        now_ms=now_ms,
    )
    answered = answers(reply, records)
    for i, place in enumerate(answered.places):
        if isinstance(place, Place) and reply[HEAD + WIDTH * i + NEW] == JOINED:
            answered.places[i] = msgspec.structs.replace(place, joined=True)
    return answered


async def renew(
    redis: RedisClient, keys: RoomKeys, records: Sequence[RenewRecord], *, now_ms: int = REDIS_TIME
) -> list[int]:
    """When each session ends now (ms); 0: it has ended. Raises BeingRestored."""
    reply = _restored(await call(redis, "renew", keys, chain.from_iterable(records), now_ms=now_ms))
    return [int(it) for it in reply[1:]]


async def end_session(
    redis: RedisClient, keys: RoomKeys, visitor_id: VisitorId, number: int, *, now_ms: int = REDIS_TIME
) -> bool:
    """End exactly this session; False if it has ended already. Raises BeingRestored."""
    channel = ENDED_CHANNEL + keys.room_id
    answer = await call(
        redis,
        "end_session",
        keys,
        visitor_id=visitor_id,
        number=number,
        ended_channel=channel,
        now_ms=now_ms,
    )
    return status_word("end_session", _restored(answer)) == "done"


async def early_ends(redis: RedisClient, room_id: RoomId) -> list[EarlyEnd]:
    """The sessions of a room that ended early and whose passes have not expired."""
    client: Any = redis
    scores = await client.zrange(RoomKeys(room_id).early_ends, 0, -1, withscores=True)
    return [_early_end(member, int(until_ms)) for member, until_ms in scores]


def read_early_ends(message: str) -> list[EarlyEnd]:
    """Parse the sessions in a message on ENDED_CHANNEL, one per line."""
    return [
        _early_end(text, int(until_ms))
        for text, _, until_ms in (it.rpartition(" ") for it in message.split("\n"))
    ]


def _early_end(text: str, until_ms: int) -> EarlyEnd:
    visitor_id, number, ended_ms = text.split(" ")
    return EarlyEnd(VisitorId(visitor_id), int(number), int(ended_ms), until_ms)


async def redeem(
    redis: RedisClient,
    keys: RoomKeys,
    ticket_id: str,
    visitor_id: VisitorId,
    number: int,
    *,
    ttl_ms: int = TICKET_TTL_S * 1000,
    now_ms: int = REDIS_TIME,
) -> int:
    """When a ticket's session ends (ms); 0: the ticket was used before, or its session has ended."""
    reply = loaded(
        await call(
            redis,
            "redeem",
            keys,
            ticket_id=ticket_id,
            visitor_id=visitor_id,
            number=number,
            ttl_ms=ttl_ms,
            now_ms=now_ms,
        )
    )
    return int(reply[1]) if status_word("redeem", reply) == "active" else 0


def _restored(reply: list[Any]) -> list[Any]:
    if loaded(reply)[0] == "restoring":
        raise BeingRestored
    return reply
