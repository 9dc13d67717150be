"""The scripts behind manual actions of staff on a room, as typed functions."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast, get_args

from app.core.clock import REDIS_TIME
from app.core.model import RoomStatus
from app.core.script_constants import HEAD
from app.store.connections import RedisClient
from app.store.keys import DAY_MS, STATUS_CHANNEL, RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import checked_word, loaded, room_status, status_word

KNOWN_MAX = 1_000  # ids of manual calls remembered per room; then all are forgotten
Limit = Literal["", "nobody", "cap", "tickets", "skipped"]
_LIMITS = frozenset(get_args(Limit))
_NOT_ADVANCED = replies.words("advance")


class NotAdvanced(Exception):
    """Nobody was called: the room is `restoring`, Postgres is `away`, or this `state` allows no calls."""

    def __init__(self, word: str, state: str = "") -> None:
        super().__init__(word)
        self.word = word
        self.state = state


class AdvanceResult(NamedTuple):
    """How many were called, and why not more."""

    status: RoomStatus
    called: int
    limit: Limit


async def advance(
    redis: RedisClient,
    keys: RoomKeys,
    *,
    count: int,
    advance_id: str = "",
    known_max: int = KNOWN_MAX,
    ttl_ms: int = DAY_MS,
    now_ms: int = REDIS_TIME,
) -> AdvanceResult:
    """Call the first `count` in the queue; nobody if this id was used before. Raises NotAdvanced."""
    limits = {"known_max": known_max, "ttl_ms": ttl_ms}
    answer = await call(redis, "advance", keys, count=count, advance_id=advance_id, now_ms=now_ms, **limits)
    reply = loaded(answer)
    if reply[0] in _NOT_ADVANCED:
        raise NotAdvanced(*reply)
    called, limit = reply[HEAD:]
    return AdvanceResult(room_status(reply), called, cast(Limit, checked_word(limit, _LIMITS)))


async def forget_room(redis: RedisClient, keys: RoomKeys, *, generation: str) -> bool:
    """Remove a deleted room from Redis; False if a new one of its name exists."""
    channel = STATUS_CHANNEL + keys.room_id
    reply = await call(redis, "forget_room", keys, generation=generation, channel=channel)
    return status_word("forget_room", reply) == "forgotten"


replies.check("advance", ("head", *AdvanceResult._fields[1:]))
