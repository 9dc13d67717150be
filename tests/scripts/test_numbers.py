"""numbers.lua: what Postgres must know before more numbers are given out."""

from __future__ import annotations

import pytest

from app.store.scripts.admission import Numbers, numbers
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, NOW, Client, a_lottery, a_room, join_record
from tests.support.queue_steps import crowd


async def test_how_far_numbers_went(redis: Client) -> None:
    await a_room(redis, numbers_reserved=500)
    await crowd(redis, 3)
    assert await numbers(redis, KEYS) == Numbers(1, 2, "open", NOW, 3, 500, 0, 0)


async def test_the_range_of_a_draw(redis: Client) -> None:
    await a_lottery(redis, [join_record("ann"), join_record("bob")])
    assert await numbers(redis, KEYS) == Numbers(1, 3, "open", NOW, 2, 2, 1, 2)


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await numbers(redis, KEYS)
