"""A room's stream of submissions, as workers read it. Delivery is at least once: losing would be worse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from app.core.model import RoomId
from app.store.away import RedisUnable
from app.store.channels import publish
from app.store.connections import RedisClient
from app.store.keys import CHANGE_CHANNEL, ROOMS, RoomKeys
from app.store.stock_scripts import GROUP

READ_MAX = 500  # submissions a batch
DEAD_MS = 3_600_000  # a consumer that has not asked for an hour is gone


class Message(NamedTuple):
    """One submission as it was read; see `submit.lua` for its fields."""

    message_id: str
    reservation_id: str
    visitor_id: str
    fingerprint: str
    instance: str
    items: str


async def outcomes(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Sequence[str]
) -> dict[str, str | None]:
    """What is known of submissions: FINGERPRINT|OUTCOME, FINGERPRINT|pending|VISITOR, or None."""
    client: Any = redis  # redis-py types HMGET for its sync and async clients at once
    today = await client.hmget(keys.outcomes, reservation_ids)
    before = await client.hmget(keys.outcomes_before, reservation_ids)
    return {it: new or old for it, new, old in zip(reservation_ids, today, before, strict=True)}


async def announce(redis: RedisClient, reservation_ids: Iterable[str]) -> None:
    """Tell those who watch reservations that they changed; confirm.lua and release.lua do so themselves."""
    await publish(redis, CHANGE_CHANNEL, "\n".join(reservation_ids))


async def rooms_on_sale(redis: RedisClient, known: Collection[RoomId]) -> list[RoomId]:
    """The loaded rooms that have an event, without those that are known already."""
    client: Any = redis
    loaded = {RoomId(it) for it in await client.smembers(ROOMS)}
    return [it for it in sorted(loaded.difference(known)) if await client.hget(RoomKeys(it).conf, "event_id")]


async def open_group(redis: RedisClient, keys: RoomKeys) -> None:
    """Make the consumer group, at the first message ever: after a wipe nothing may be skipped."""
    try:
        await redis.xgroup_create(keys.submissions, GROUP, "0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


async def read_new(redis: RedisClient, keys: RoomKeys, consumer: str, wait_ms: int) -> list[Message]:
    """Submissions nobody has read; waits for the first one."""
    return await _read(redis, keys, consumer, ">", wait_ms)


async def read_own(redis: RedisClient, keys: RoomKeys, consumer: str) -> list[Message]:
    """Submissions this consumer has read, or taken over, and not settled."""
    return await _read(redis, keys, consumer, "0", None)


async def _read(
    redis: RedisClient, keys: RoomKeys, consumer: str, after: str, wait_ms: int | None
) -> list[Message]:
    try:
        reply = await redis.xreadgroup(
            GROUP, consumer, {keys.submissions: after}, count=READ_MAX, block=wait_ms
        )
    except ResponseError as error:
        if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
            raise
        await open_group(redis, keys)  # the room is new, or Redis was wiped
        return []
    entries: list[tuple[str, dict[str, str] | None]] = reply[0][1] if reply else []
    gone = [message_id for message_id, fields in entries if not fields]
    if gone:
        await redis.xack(keys.submissions, GROUP, *gone)
    return [Message(message_id, *fields["s"].split("|")) for message_id, fields in entries if fields]


async def take_over(redis: RedisClient, keys: RoomKeys, consumer: str, idle_ms: int) -> int:
    """Take what other consumers have read and left lying for `idle_ms`; how many. `read_own` gives them."""
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
        found.update(fields["s"].partition("|")[0] for _, fields in entries)
        after = f"({entries[-1][0]}"
    return found.intersection(reservation_ids)


async def leave_group(redis: RedisClient, keys: RoomKeys, consumer: str) -> None:
    """Forget a consumer. It must have nothing left to settle: that would be forgotten with it."""
    try:
        await redis.xgroup_delconsumer(keys.submissions, GROUP, consumer)
    except ResponseError as error:
        if not str(error).startswith("NOGROUP"):
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
