"""Scripts that share a round trip: with another command, or one script for many rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisClusterException, ResponseError

from app.store.keys import RoomKeys
from app.store.pipelining import run_together
from app.store.scripts.loader import Script, call, located, script

if TYPE_CHECKING:
    from app.store.connections import RedisClient

ROOMS_AT_ONCE = 200


async def call_and(
    redis: RedisClient,
    name: str,
    keys: RoomKeys,
    records: Sequence[str | int | float],
    command: Sequence[str | int],
    /,
    **scalars: str | int | float,
) -> tuple[Any, Any]:
    """Run a script and then a command, in one round trip; returns both raw replies.

    The command is run even if the script fails, which raises; its own ResponseError is returned as its reply.
    The keys of both must be in the same slot.
    """
    loaded_script = script(name)
    reply, after = await run_together(redis, [[*_evalsha(loaded_script, keys, scalars), *records], command])
    if isinstance(reply, NoScriptError):
        reply = await call(redis, name, keys, records, **scalars)
    if isinstance(reply, ResponseError):
        raise located(loaded_script, reply)
    return reply, after


async def call_each(
    redis: RedisClient,
    name: str,
    rooms: Sequence[RoomKeys],
    own: Callable[[RoomKeys], Mapping[str, str | int]] = lambda _: {},
    /,
    **common: int,
) -> list[Any]:
    """Run a script without records once for each of these rooms, many per round trip.

    Its scalars are those `common` to all, and each room's `own`. Returns a raw reply each, in order, or the
    ResponseError where Redis cannot answer. Raises errors that mean the server is unavailable.
    """
    loaded_script = script(name)
    replies_in_order: list[Any] = []
    for first in range(0, len(rooms), ROOMS_AT_ONCE):
        some = rooms[first : first + ROOMS_AT_ONCE]
        replies = await run_together(
            redis, [_evalsha(loaded_script, keys, {**common, **own(keys)}) for keys in some]
        )
        for keys, reply in zip(some, replies, strict=True):
            unknown = isinstance(reply, NoScriptError)
            if isinstance(reply, ResponseError):
                located(loaded_script, reply)
            replies_in_order.append(
                await call(redis, name, keys, **common, **own(keys)) if unknown else reply
            )
    return replies_in_order


def _evalsha(
    script: Script, keys: RoomKeys, scalars: Mapping[str, str | int | float]
) -> list[str | int | float]:
    names = [getattr(keys, key) for key in script.keys]
    return ["EVALSHA", script.sha, len(names), *names, *(scalars[scalar] for scalar in script.scalars)]


def server_of(redis: RedisClient, key: str) -> str:
    """The server that has this key, as far as known; calls to the same one can share a round trip."""
    if isinstance(redis, Redis):
        return ""
    try:
        node = redis.get_node_from_key(key)
    except RedisClusterException:  # none has it; the call itself reports that
        return ""
    return node.name if node else ""
