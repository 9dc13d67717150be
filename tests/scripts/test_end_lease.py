"""end_lease.lua: a worker that stops releases its rooms."""

from __future__ import annotations

from app.store.keys import SUBMITTED_CHANNEL
from app.store.pubsub import listen
from app.store.scripts import leases
from tests.scripts.test_lease import take
from tests.support.builders import KEYS, Client


async def test_only_who_has_it_gives_it_back_and_the_others_hear_of_it(redis: Client) -> None:
    await take(redis, "a")
    channel = SUBMITTED_CHANNEL + KEYS.room_id
    async for name, message in listen(redis, channel):
        if not name:
            await leases.end_lease(redis, KEYS, "b")
            assert await take(redis, "b") > 0
            await leases.end_lease(redis, KEYS, "a")
            continue
        assert (name, message) == (channel, leases.FREE)
        break
    assert await take(redis, "b") == 0
