"""draw.lua: drawn visitors get their numbers from one worker and can be called immediately."""

from __future__ import annotations

import pytest

from app.core.model import VisitorId
from app.store.scripts.admission import draw, raise_numbers
from app.store.scripts.room import NotLoaded, leave
from tests.support.builders import KEYS, NOW, Client, a_lottery, join_record
from tests.support.queue_steps import get_places, join, only, states, tick

ANN, BOB, CEM = VisitorId("ann"), VisitorId("bob"), VisitorId("cem")


async def a_drawing(redis: Client) -> None:
    await a_lottery(redis, [join_record(ANN, draw=1), join_record(BOB, draw=2), join_record(CEM, draw=3)])
    await raise_numbers(redis, KEYS, epoch=1, draw_last=3, numbers=100)


async def test_a_drawn_visitor_is_in_line_and_called_before_those_behind(redis: Client) -> None:
    await a_drawing(redis)
    assert await draw(redis, KEYS, {ANN: 1, BOB: 2}, expected=1, draw_next=3)
    place = only(await get_places(redis, BOB))
    assert (place.state, place.queue_number, place.ahead) == ("waiting", 2, 1)
    late = only(await join(redis, "dan"))
    assert (late.queue_number, late.ahead) == (4, 3)
    assert (await tick(redis)).calls == 2
    assert await states(redis, ANN, BOB, CEM, "dan") == ["called", "called", "prequeue", "waiting"]


async def test_an_overtaken_worker_moves_nobody(redis: Client) -> None:
    await a_drawing(redis)
    assert await draw(redis, KEYS, {ANN: 1}, expected=1, draw_next=2)
    assert not await draw(redis, KEYS, {BOB: 1}, expected=1, draw_next=2)
    assert await states(redis, ANN, BOB) == ["waiting", "prequeue"]


async def test_who_left_in_between_is_passed_over(redis: Client) -> None:
    await a_drawing(redis)
    await leave(redis, KEYS, ANN, now_ms=NOW)
    assert await draw(redis, KEYS, {ANN: 1, BOB: 2}, expected=1, draw_next=3)
    assert await states(redis, ANN, BOB) == ["left", "waiting"]


async def test_after_the_last_draw_the_others_are_called(redis: Client) -> None:
    await a_drawing(redis)
    await join(redis, "dan")
    await draw(redis, KEYS, {ANN: 1, BOB: 2, CEM: 3}, expected=1, draw_next=4)
    found = await tick(redis)
    assert (found.calls, found.undrawn, found.status.serving_position) == (4, False, 4)


async def test_who_is_left_over_is_numbered_at_the_end(redis: Client) -> None:
    await a_drawing(redis)
    await join(redis, "dan")
    await draw(redis, KEYS, {ANN: 1, BOB: 2}, expected=1, draw_next=4)
    found = await tick(redis)
    assert (found.calls, found.undrawn, found.status.last_number, found.numbers_left) == (3, True, 5, 0)


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await draw(redis, KEYS, {ANN: 1}, expected=1, draw_next=2)
