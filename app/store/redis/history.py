"""The samples of a room in Redis: a stream with a cap and a TTL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from app.core.waiting_room.history import KEPT_MAX, KEPT_MS, Sample
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.pipelining import Command, run_together

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sample)


class SampleCounts(NamedTuple):
    """The parts of a sample beyond the status."""

    newest_ms: int  # of the last sample; 0: there is none
    joined: int
    no_shows: int
    admitted: int
    leavers: int
    requests: int  # for tickets, in total
    backlog: int  # of those, not settled yet
    sold: int


async def read(redis: RedisClient, rooms: Sequence[tuple[RoomKeys, bool]]) -> list[SampleCounts | None]:
    """Read the counts of these rooms, and of those that sell tickets, in one round trip; None for a room
    that Redis cannot answer for."""
    commands = [_commands(*it) for it in rooms]
    replies = iter(await run_together(redis, chain.from_iterable(commands)))
    return [_sample_counts(*(next(replies) for _ in of_room)) for of_room in commands]


def _commands(keys: RoomKeys, sells: bool) -> list[Command]:
    commands: list[Command] = [
        ("XREVRANGE", keys.samples, "+", "-", "COUNT", 1),
        ("HMGET", keys.meter, "joined", "no_shows", "admitted", "left"),
    ]
    if not sells:
        return commands
    of_batches = ("HMGET", keys.batched, "taken", "settled")
    return [*commands, ("HGET", keys.stock, "sold"), ("XINFO STREAM", keys.submissions), of_batches]


def _sample_counts(
    newest: Any, counted: Any, sold: Any = 0, stream: Any = None, batched: Any = (None, None)
) -> SampleCounts | None:
    if any(isinstance(it, Exception) for it in (newest, counted, sold, batched)):
        return None
    if stream is None or isinstance(stream, Exception):  # there is no stream until somebody reserves
        stream = {"entries-added": 0, "length": 0}
    joined, no_shows, admitted, leavers = (int(it or 0) for it in counted)
    newest_ms = int(newest[0][0].partition("-")[0]) if newest else 0
    taken, settled = (int(it or 0) for it in batched)
    requests = int(stream["entries-added"]) + taken, int(stream["length"]) + taken - settled
    return SampleCounts(newest_ms, joined, no_shows, admitted, leavers, *requests, int(sold or 0))


async def add(redis: RedisClient, samples: Sequence[tuple[RoomKeys, Sample]]) -> None:
    """Store a sample of each room; for the same moment the first one wins, as ids only grow."""
    commands: list[Command] = []
    for keys, sample in samples:
        entry = ("MAXLEN", KEPT_MAX, f"{sample.at_ms}-0", "s", _encoder.encode(sample))
        commands += [("XADD", keys.samples, *entry), ("PEXPIRE", keys.samples, KEPT_MS)]
    await run_together(redis, commands)


async def begin_anew(redis: RedisClient, keys: RoomKeys) -> None:
    """Delete the samples: they are from the future, because a clock was set back."""
    client: Any = redis
    await client.delete(keys.samples)


async def since_each(redis: RedisClient, rooms: Sequence[tuple[RoomKeys, int]]) -> list[list[Sample]]:
    """The samples of each room from its given time on, oldest first; none for a room that fails."""
    replies = await run_together(
        redis, [("XRANGE", keys.samples, at_ms, "+", "COUNT", KEPT_MAX) for keys, at_ms in rooms]
    )
    return [[] if isinstance(it, Exception) else _decoded(it) for it in replies]


async def since(redis: RedisClient, keys: RoomKeys, at_ms: int) -> list[Sample]:
    """The samples from this time on, oldest first."""
    client: Any = redis
    entries = await client.xrange(keys.samples, min=at_ms, count=KEPT_MAX)
    return _decoded(entries)


def _decoded(entries: Sequence[Any]) -> list[Sample]:
    return [_decoder.decode(fields["s"]) for _, fields in entries]
