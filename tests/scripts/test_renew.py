"""renew.lua: a session that lasts goes on, never beyond its limit and never shorter."""

from __future__ import annotations

import pytest

from app.store.gate_scripts import BeingRestored, RenewRecord, renew
from tests.builders import KEYS, NOW, Client, a_room, a_visitor
from tests.line_steps import claim, crowd, stand


async def test_a_session_goes_on_from_now(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    ann, bob = await crowd(redis, 2)
    await claim(redis, ann)
    asked = [RenewRecord(ann, 1), RenewRecord(ann, 2), RenewRecord(bob, 2)]
    assert await renew(redis, KEYS, asked, now_ms=NOW + 40_500) == [NOW + 100_000, 0, 0]
    assert await stand(redis, ann, now_ms=NOW + 99_000) == ["active"]
    assert await renew(redis, KEYS, [RenewRecord(ann, 1)], now_ms=NOW + 100_000) == [0]


async def test_a_session_that_is_not_loaded_yet_is_not_over(redis: Client) -> None:
    await a_room(redis)
    await redis.hset(KEYS.conf, "restoring", 1)
    with pytest.raises(BeingRestored):
        await renew(redis, KEYS, [RenewRecord(a_visitor(), 1)], now_ms=NOW)


async def test_the_limit_holds_and_nothing_is_taken_back(redis: Client) -> None:
    await a_room(redis, session_ttl_s=60)
    (ann,) = await crowd(redis, 1)
    await claim(redis, ann)
    assert await renew(redis, KEYS, [RenewRecord(ann, 1, NOW + 90_900)], now_ms=NOW + 50_000) == [
        NOW + 90_000
    ]
    assert await renew(redis, KEYS, [RenewRecord(ann, 1, NOW + 5_000)], now_ms=NOW + 51_000) == [NOW + 90_000]
