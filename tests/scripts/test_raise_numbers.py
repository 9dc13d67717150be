"""raise_numbers.lua: numbers may be given out once Postgres knows of them, in the epoch of the request."""

from __future__ import annotations

import pytest

from app.store.scripts.admission import numbers, raise_numbers
from app.store.scripts.room import NotLoaded
from tests.support.builders import KEYS, Client, a_lottery, a_room, join_record
from tests.support.queue_steps import join, states_of


async def test_more_numbers_and_never_fewer(redis: Client) -> None:
    await a_room(redis, numbers_reserved=1)
    assert states_of(await join(redis, "ann", "bob")) == ["called", "numbers_exhausted"]
    assert await raise_numbers(redis, KEYS, epoch=1, draw_last=0, numbers=2)
    assert await raise_numbers(redis, KEYS, epoch=1, draw_last=0, numbers=1)
    assert states_of(await join(redis, "bob", "cem")) == ["called", "numbers_exhausted"]


async def test_what_was_reserved_in_another_epoch_is_not_raised(redis: Client) -> None:
    await a_room(redis, numbers_reserved=1)
    assert not await raise_numbers(redis, KEYS, epoch=2, draw_last=0, numbers=100)
    assert (await numbers(redis, KEYS)).numbers_reserved == 1


async def test_what_was_reserved_before_a_draw_began_does_not_open_it(redis: Client) -> None:
    await a_lottery(redis, [join_record("ann")])
    assert not await raise_numbers(redis, KEYS, epoch=1, draw_last=0, numbers=100)
    assert (await numbers(redis, KEYS)).numbers_reserved == 1


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await raise_numbers(redis, KEYS, epoch=1, draw_last=0, numbers=1)
