"""mix.lua: entrants get another draw, and nobody who left comes back."""

from __future__ import annotations

import pytest

from app.core.model import VisitorId
from app.store.redis import entrants
from app.store.scripts.admission import mix, raise_numbers, undrawn
from app.store.scripts.room import NotLoaded, leave
from tests.support.builders import KEYS, NOW, Client, a_lottery, join_record

ANN, BOB, CEM = VisitorId("ann"), VisitorId("bob"), VisitorId("cem")


async def test_the_order_is_that_of_the_new_draws(redis: Client) -> None:
    await a_lottery(redis, [join_record(ANN, draw=1), join_record(BOB, draw=2), join_record(CEM, draw=3)])
    await raise_numbers(redis, KEYS, epoch=1, draw_last=3, numbers=100)
    await leave(redis, KEYS, CEM, now_ms=NOW)
    for _ in range(2):
        await mix(redis, KEYS, {ANN: 9, BOB: 4, CEM: 1}, mixed="")
        assert (await undrawn(redis, KEYS, limit=9, now_ms=NOW)).visitor_ids == [BOB, ANN]
    assert await entrants.mixed(redis, KEYS) == ""
    await mix(redis, KEYS, {}, mixed="abcd")
    assert await entrants.mixed(redis, KEYS) == "abcd"
    assert sorted([it async for page in entrants.pages(redis, KEYS, 1) for it in page]) == [ANN, BOB]


async def test_a_room_that_is_not_loaded_is_not_touched(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await mix(redis, KEYS, {ANN: 9}, mixed="abcd")
    assert not await redis.exists(KEYS.meter)
