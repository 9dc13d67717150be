"""The samples of a room in Redis: a stream with a cap and a TTL."""

from __future__ import annotations

from typing import Any

import msgspec
from redis.exceptions import ResponseError

from app.core.history import EVERY_MS, KEPT_MAX, KEPT_MS, Sample
from app.store.away import RedisUnable
from app.store.connections import RedisClient
from app.store.keys import RoomKeys

AHEAD_MS = 60_000  # no clock of another worker is: ours was set back
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sample)


async def is_due(redis: RedisClient, keys: RoomKeys, at_ms: int) -> bool:
    """Whether nobody has taken the sample of this moment."""
    client: Any = redis
    newest = await client.xrevrange(keys.samples, count=1)
    if newest and _at_ms(newest[0][0]) - at_ms > AHEAD_MS:  # ids only grow: begin anew
        await client.delete(keys.samples)
        return True
    return not newest or at_ms - _at_ms(newest[0][0]) >= EVERY_MS


async def add(redis: RedisClient, keys: RoomKeys, sample: Sample) -> None:
    """Keep a sample; of two of the same moment the first."""
    client: Any = redis
    try:
        await client.xadd(
            keys.samples, {"s": _encoder.encode(sample)}, id=f"{sample.at_ms}-0", maxlen=KEPT_MAX
        )
    except RedisUnable:
        raise
    except ResponseError:  # another worker was faster: ids only grow
        pass
    await client.pexpire(keys.samples, KEPT_MS)


async def since(redis: RedisClient, keys: RoomKeys, at_ms: int) -> list[Sample]:
    """The samples from this moment on, the oldest first."""
    client: Any = redis
    found = await client.xrange(keys.samples, min=at_ms, count=KEPT_MAX)
    return [_decoder.decode(fields["s"]) for _, fields in found]


async def requests(redis: RedisClient, keys: RoomKeys) -> tuple[int, int]:
    """Requests for tickets: how many there ever were, and how many wait to be settled."""
    client: Any = redis
    try:
        told = await client.xinfo_stream(keys.submissions)
    except RedisUnable:
        raise
    except ResponseError:  # there is no such stream: nobody asked yet
        return 0, 0
    return int(told["entries-added"]), int(told["length"])


def _at_ms(entry_id: str) -> int:
    return int(entry_id.partition("-")[0])
