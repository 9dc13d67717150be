"""A room's stream of submissions, as workers read it. Delivery is at least once, as losing one is worse."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from app.core.model import RoomId
from app.store.away import RedisUnable
from app.store.connections import RedisClient
from app.store.keys import CHANGE_CHANNEL, OUTCOME_CHANNEL, RoomKeys
from app.store.pipelining import run_together
from app.store.pubsub import publish
from app.store.scripts.stock import GROUP, Settlement
from app.store.scripts.together import call_and

READ_MAX = 500  # submissions a batch
TRIES_TTL_S = 86_400
FIELDS = 5  # of a submission; what a newer release adds comes after them, and is passed over
BACKLOGS_AT_ONCE = 500
_GRANTED = re.compile(r"(\d+)\|([^|]*)\|(\d+\|[^|]*\|\d+\|\d+\|[^|]+)", re.ASCII)
DEAD_MS = 3_600_000  # a consumer that has not asked for an hour is gone


class Message(NamedTuple):
    """One submission as it was read; see `submit.lua` for its fields.

    An entry that cannot be read has no `reservation_id`, and in `items` all there is of it. One of the
    release that left deciding to workers has no `terms`.
    """

    message_id: str
    reservation_id: str
    visitor_id: str
    fingerprint: str
    instance: str
    items: str
    traceparent: str = ""  # of the request, if it is sampled
    epoch: int = 0  # of the room when it was decided
    event_id: str = ""
    terms: str = ""  # what it was granted, as in `core/terms.py`


async def outcomes(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Sequence[str]
) -> dict[str, str | None]:
    """What is known of submissions: FINGERPRINT|OUTCOME, FINGERPRINT|pending|VISITOR, or None."""
    client: Any = redis  # redis-py types HMGET for its sync and async clients at once
    today = await client.hmget(keys.outcomes, reservation_ids)
    before = await client.hmget(keys.outcomes_before, reservation_ids)
    return {it: new or old for it, new, old in zip(reservation_ids, today, before, strict=True)}


async def announce(redis: RedisClient, reservation_ids: Iterable[str]) -> None:
    """Notify watchers of reservations that they changed; confirm.lua and release.lua do it themselves."""
    await publish(redis, CHANGE_CHANNEL, "\n".join(reservation_ids))


async def open_group(redis: RedisClient, keys: RoomKeys) -> None:
    """Create the consumer group at the very first message: after Redis was lost nothing is skipped."""
    try:
        await redis.xgroup_create(keys.submissions, GROUP, "0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


async def read_new(redis: RedisClient, keys: RoomKeys, consumer: str) -> list[Message]:
    """Submissions nobody has read."""
    return await _read(redis, keys, consumer, ">")


async def read_own(redis: RedisClient, keys: RoomKeys, consumer: str) -> list[Message]:
    """Submissions this consumer has read, or taken over, and not settled."""
    return await _read(redis, keys, consumer, "0")


async def _read(redis: RedisClient, keys: RoomKeys, consumer: str, after: str) -> list[Message]:
    try:
        reply = await redis.xreadgroup(GROUP, consumer, {keys.submissions: after}, count=READ_MAX)
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        await open_group(redis, keys)  # the room is new, or Redis was lost
        reply = await redis.xreadgroup(GROUP, consumer, {keys.submissions: after}, count=READ_MAX)
    gone = [message_id for message_id, fields in _entries(reply) if not fields]
    if gone:
        await redis.xack(keys.submissions, GROUP, *gone)
    return _messages(reply)


async def settle_and_read(
    redis: RedisClient, keys: RoomKeys, settlements: Iterable[Settlement], consumer: str
) -> list[Message]:
    """Settle a batch and read the next one, in one round trip; for a consumer with nothing else in hand."""
    key = keys.submissions
    read = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", READ_MAX, "STREAMS", key, ">")
    records = list(chain.from_iterable(settlements))
    scalars = {"group": GROUP, "channel": OUTCOME_CHANNEL}
    _, reply = await call_and(redis, "settle", keys, records, read, **scalars)
    return [] if isinstance(reply, ResponseError) else _messages(reply)  # reading alone will show it again


def _entries(reply: Any) -> list[tuple[str, dict[str, str] | None]]:
    return reply[0][1] if reply else []


def _messages(reply: Any) -> list[Message]:
    return [_message(message_id, fields) for message_id, fields in _entries(reply) if fields]


def _message(message_id: str, fields: dict[str, str]) -> Message:
    parts = fields.get("s", "").split("|")
    if len(parts) < FIELDS or not parts[0]:
        return Message(message_id, "", "", "", "", repr(fields))
    reservation_id, visitor_id, fingerprint, instance, items = parts[:FIELDS]
    asked = message_id, reservation_id, visitor_id, fingerprint, instance, items, fields.get("t", "")
    granted = _GRANTED.fullmatch(fields.get("d", ""))
    if granted is None:
        return Message(*asked)  # it is decided by whoever works on it
    epoch, event_id, terms = granted.groups()
    return Message(*asked, int(epoch), event_id, terms)


async def deliveries(redis: RedisClient, keys: RoomKeys, consumer: str) -> int:
    """The highest delivery count among this consumer's submissions."""
    client: Any = redis
    try:
        pending = await client.xpending_range(
            keys.submissions, GROUP, min="-", max="+", count=READ_MAX, consumername=consumer
        )
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        return 0
    return max((it["times_delivered"] for it in pending), default=0)


async def backlogs(redis: RedisClient, room_ids: Sequence[RoomId]) -> dict[RoomId, int]:
    """How many submissions nobody has settled, of the rooms that have any; a round trip for many rooms.

    A room of which Redis cannot tell is left out.
    """
    found: dict[RoomId, int] = {}
    for first in range(0, len(room_ids), BACKLOGS_AT_ONCE):
        some = room_ids[first : first + BACKLOGS_AT_ONCE]
        lengths = await run_together(redis, [("XLEN", RoomKeys(it).submissions) for it in some])
        found |= {it: length for it, length in zip(some, lengths, strict=True) if isinstance(length, int)}
    return {it: length for it, length in found.items() if length}


async def backlog(redis: RedisClient, keys: RoomKeys) -> int:
    """How many submissions of the room nobody has settled."""
    length: int = await redis.xlen(keys.submissions)
    return length


async def begin_alone(redis: RedisClient, keys: RoomKeys, message: Message) -> int:
    """Count an attempt to process this entry alone, before it starts; returns the attempt's number."""
    client: Any = redis
    times: int = await client.hincrby(keys.tries, message.message_id, 1)
    await client.expire(keys.tries, TRIES_TTL_S)
    return times


async def end_alone(redis: RedisClient, keys: RoomKeys, message: Message) -> None:
    """End the attempt, whatever its outcome."""
    client: Any = redis
    await client.hdel(keys.tries, message.message_id)


async def drop(redis: RedisClient, keys: RoomKeys, message: Message) -> None:
    """Take a submission out of the stream as it is."""
    await redis.xack(keys.submissions, GROUP, message.message_id)
    await redis.xdel(keys.submissions, message.message_id)


async def take_over(redis: RedisClient, keys: RoomKeys, consumer: str, idle_ms: int) -> int:
    """Take over what other consumers read and left for `idle_ms`; how many. `read_own` returns them."""
    try:
        reply: Any = await redis.xautoclaim(
            keys.submissions, GROUP, consumer, idle_ms, count=READ_MAX, justid=True
        )
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        return 0
    return len(reply)


async def waiting(redis: RedisClient, keys: RoomKeys, reservation_ids: Collection[str]) -> set[str]:
    """Those of the reservations whose submission is not settled: until then it is in the stream."""
    client: Any = redis
    found: set[str] = set()
    after = "-"
    while entries := await client.xrange(keys.submissions, min=after, count=READ_MAX):
        found.update(fields.get("s", "").partition("|")[0] for _, fields in entries)
        after = f"({entries[-1][0]}"
    return found.intersection(reservation_ids)


async def leave_group(redis: RedisClient, keys: RoomKeys, consumer: str) -> None:
    """Delete a consumer. It must have nothing left to settle: that would be lost with it."""
    try:
        await redis.xgroup_delconsumer(keys.submissions, GROUP, consumer)
    except ResponseError as error:
        gone = str(error).startswith("NOGROUP") or "requires the key to exist" in str(error)
        if not gone:  # else Redis was lost meanwhile
            raise


async def forget_dead(redis: RedisClient, keys: RoomKeys) -> None:
    """Forget consumers that were killed long ago and whose work was taken over."""
    try:
        consumers = await redis.xinfo_consumers(keys.submissions, GROUP)
    except RedisUnable:
        raise
    except ResponseError:  # no stream, no group
        return
    for consumer in consumers:
        if consumer["pending"] == 0 and consumer["idle"] > DEAD_MS:
            await leave_group(redis, keys, consumer["name"])
