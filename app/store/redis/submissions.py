"""A room's streams of submissions, read by workers. Delivery is at least once, as none may be lost.

`batches` has one entry per batch. `submissions` has one entry each, from web processes that do not know
whether all workers read batches (`sql/agreed.py`), and for batches that were split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from app.store.connections import RedisClient
from app.store.keys import CHANGE_CHANNEL, OUTCOME_CHANNEL, RoomKeys
from app.store.pubsub import publish
from app.store.scripts.shared_round_trips import call_and
from app.store.scripts.stock import GROUP, WHOLE, Settlement, settle_records

READ_MAX = 64  # entries read from each stream at once
BATCH_MAX = 500  # submissions processed together
TRIES_TTL_S = 86_400
FIELDS = 5  # per submission; a newer release appends others, which are ignored
_ORIGIN = r"(\d+)\|([^|]*)"
_TERMS = r"(\d+\|[^|]*\|\d+\|\d+\|[^|]+)"
_GRANTED = re.compile(rf"{_ORIGIN}\|{_TERMS}", re.ASCII)
_FROM, _TAKEN = re.compile(_ORIGIN, re.ASCII), re.compile(_TERMS, re.ASCII)
DEAD_MS = 3_600_000  # a consumer that has not asked for an hour is gone


class Message(NamedTuple):
    """One submission as read; see `RoomKeys.submissions` and `RoomKeys.batches` for its fields.

    Those of a batch share its `message_id`, which begins with `WHOLE`. A malformed entry has no
    `reservation_id`, and all of its text in `items`. An entry of the release in which workers decided has no
    `terms`.
    """

    message_id: str
    reservation_id: str
    visitor_id: str
    fingerprint: str
    instance: str
    items: str
    traceparent: str = ""  # of the request, if it is sampled
    epoch: int = 0  # of the room at the decision
    event_id: str = ""
    terms: str = ""  # the granted terms, as in `core/reservations/terms.py`
    since_ms: int = 0  # when it was submitted


async def outcomes(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Sequence[str]
) -> dict[str, str | None]:
    """The known outcomes of submissions: FINGERPRINT|OUTCOME, FINGERPRINT|pending|VISITOR, or None."""
    client: Any = redis  # redis-py types HMGET for its sync and async clients at once
    today = await client.hmget(keys.outcomes, reservation_ids)
    before = await client.hmget(keys.outcomes_before, reservation_ids)
    return {it: new or old for it, new, old in zip(reservation_ids, today, before, strict=True)}


async def announce(redis: RedisClient, reservation_ids: Iterable[str]) -> None:
    """Notify watchers of reservations that they changed; confirm.lua and release.lua do it themselves."""
    await publish(redis, CHANGE_CHANNEL, "\n".join(reservation_ids))


async def open_groups(redis: RedisClient, keys: RoomKeys) -> None:
    """Create the consumer groups at the very first message: after Redis was lost nothing is skipped."""
    for stream in _streams(keys):
        try:
            await redis.xgroup_create(stream, GROUP, "0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _streams(keys: RoomKeys) -> tuple[str, str]:
    return keys.submissions, keys.batches


async def read_new(redis: RedisClient, keys: RoomKeys, consumer: str) -> list[Message]:
    """Submissions nobody has read, those of an entry in sequence."""
    return await _read(redis, keys, consumer, ">")


async def read_own(redis: RedisClient, keys: RoomKeys, consumer: str) -> list[Message]:
    """Submissions this consumer has read, or taken over, and not settled; as `read_new`."""
    return await _read(redis, keys, consumer, "0")


async def _read(redis: RedisClient, keys: RoomKeys, consumer: str, after: str) -> list[Message]:
    streams: dict[Any, Any] = dict.fromkeys(_streams(keys), after)
    try:
        reply = await redis.xreadgroup(GROUP, consumer, streams, count=READ_MAX)
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
            raise
        await open_groups(redis, keys)  # the room is new, or Redis was lost
        reply = await redis.xreadgroup(GROUP, consumer, streams, count=READ_MAX)
    for stream, entries in reply or ():
        if deleted := [entry_id for entry_id, fields in entries if not fields]:
            await redis.xack(stream, GROUP, *deleted)
    return _messages(keys, reply)


async def settle_and_read(
    redis: RedisClient, keys: RoomKeys, settlements: Iterable[Settlement], consumer: str
) -> list[Message]:
    """Settle a batch and read the next one in one round trip; for a consumer that has nothing else
    pending."""
    streams = *_streams(keys), ">", ">"
    read = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", READ_MAX, "STREAMS", *streams)
    scalars = {"group": GROUP, "channel": OUTCOME_CHANNEL}
    _, reply = await call_and(redis, "settle", keys, settle_records(settlements), read, **scalars)
    # Whatever could not be read now will be when it is read alone.
    return [] if isinstance(reply, ResponseError) else _messages(keys, reply)


def _messages(keys: RoomKeys, reply: Any) -> list[Message]:
    messages: list[Message] = []
    for stream, entries in reply or ():
        for entry_id, fields in entries:
            if fields and stream == keys.batches:
                messages += _batch(entry_id, fields)
            elif fields:
                messages.append(_message(entry_id, fields))
    return messages


def _message(entry_id: str, fields: dict[str, str]) -> Message:
    parts = fields.get("s", "").split("|")
    if len(parts) < FIELDS or not parts[0]:
        return Message(entry_id, "", "", "", "", repr(fields))
    reservation_id, visitor_id, fingerprint, instance, items = parts[:FIELDS]
    columns = entry_id, reservation_id, visitor_id, fingerprint, instance, items, fields.get("t", "")
    granted = _GRANTED.fullmatch(fields.get("d", ""))
    if granted is None:
        return Message(*columns)  # the worker decides it
    epoch, event_id, terms = granted.groups()
    return Message(*columns, int(epoch), event_id, terms, int(fields.get("a") or _ms(entry_id)))


def _batch(entry_id: str, fields: dict[str, str]) -> list[Message]:
    messages, of = list[Message](), WHOLE + entry_id
    origin = _FROM.fullmatch(fields.get("o", ""))
    epoch, event_id, since_ms = int(origin[1]) if origin else 0, origin[2] if origin else "", _ms(entry_id)
    decided: dict[str, str] = {}  # by the text of the terms, which many share
    for line in fields.get("b", "").split("\n"):
        parts = line.split("|", FIELDS + 1)
        if len(parts) < FIELDS + 2 or not parts[0]:
            messages.append(Message(of, "", "", "", "", line))
            continue
        reservation_id, visitor_id, fingerprint, instance, items, traceparent, decision = parts
        if (terms := decided.get(decision)) is None:
            terms = decided[decision] = decision if origin and _TAKEN.fullmatch(decision) else ""
        columns = of, reservation_id, visitor_id, fingerprint, instance, items, traceparent
        messages.append(Message(*columns, epoch, event_id, terms, since_ms) if terms else Message(*columns))
    return messages


def _ms(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])


def batches_of(messages: Iterable[Message]) -> list[str]:
    """The ids of the batches that contain these submissions."""
    message_ids = dict.fromkeys(it.message_id for it in messages)
    return [it.removeprefix(WHOLE) for it in message_ids if it.startswith(WHOLE)]


async def deliveries(redis: RedisClient, keys: RoomKeys, consumer: str) -> int:
    """The highest delivery count among this consumer's submissions."""
    client: Any = redis
    most = 0
    for stream in _streams(keys):
        with suppress(_NoGroup), _raising_no_group():
            pending = await client.xpending_range(
                stream, GROUP, min="-", max="+", count=READ_MAX, consumername=consumer
            )
            most = max([most, *(it["times_delivered"] for it in pending)])
    return most


_NO_GROUP = ("NOGROUP", "requires the key to exist", "no such key")


class _NoGroup(Exception):
    """The room is new, or Redis was lost."""


@contextmanager
def _raising_no_group() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        if not any(it in str(error) for it in _NO_GROUP):
            raise
        raise _NoGroup from None


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
    """Delete a submission that has its own entry from the stream, unprocessed."""
    await redis.xack(keys.submissions, GROUP, message.message_id)
    await redis.xdel(keys.submissions, message.message_id)


async def take_over(redis: RedisClient, keys: RoomKeys, consumer: str, idle_ms: int) -> int:
    """Take over what other consumers read and left for `idle_ms`; how many. `read_own` returns them."""
    taken = 0
    for stream in _streams(keys):
        with suppress(_NoGroup), _raising_no_group():
            taken += len(
                await redis.xautoclaim(stream, GROUP, consumer, idle_ms, count=READ_MAX, justid=True)
            )
    return taken


async def leave_group(redis: RedisClient, keys: RoomKeys, consumer: str) -> None:
    """Delete a consumer. It must have nothing left to settle: that would be lost with it."""
    for stream in _streams(keys):
        with suppress(_NoGroup), _raising_no_group():
            await redis.xgroup_delconsumer(stream, GROUP, consumer)


async def forget_dead(redis: RedisClient, keys: RoomKeys) -> None:
    """Forget consumers that were killed long ago and whose work was taken over."""
    for stream in _streams(keys):
        with suppress(_NoGroup), _raising_no_group():
            for consumer in await redis.xinfo_consumers(stream, GROUP):
                if consumer["pending"] == 0 and consumer["idle"] > DEAD_MS:
                    await redis.xgroup_delconsumer(stream, GROUP, consumer["name"])
