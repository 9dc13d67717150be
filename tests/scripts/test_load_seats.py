"""load_seats.lua: a section is loaded once with all seats free; existing seats stay; a section may grow."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.core.catalogue.seating import Section, row_of
from app.core.model import TicketTypeId
from app.store.redis.seat_rows import behind, live_rows
from app.store.scripts.filling import load_seats
from app.store.scripts.stock import Request, RoomNotReady
from tests.support.sales import KEYS, decide, put_on_sale
from tests.support.seating import a_section, put_seats_on_sale, states


async def test_rows_are_known_with_all_seats_free(redis: Redis) -> None:
    await put_on_sale(redis)
    section = a_section(rows=30)
    assert await load_seats(redis, KEYS, section.rows, ticket_type_id="stalls") == 30
    assert await live_rows(redis, KEYS) == {"stalls": section.rows}
    assert list(await states(redis))[25:28] == ["z", "aa", "ab"]


async def test_what_is_taken_stays_taken(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, Request("r1", "ann", "stalls:1@stalls-b-2"))
    assert await load_seats(redis, KEYS, a_section().rows, ticket_type_id="stalls") == 0
    assert await states(redis) == {"a": "fffff", "b": "fhfff", "c": "fffff"}


async def test_a_section_grows_and_what_is_taken_stays_taken(redis: Redis) -> None:
    rows = [row_of("a", [2, 3]), row_of("b", [1])]
    await put_seats_on_sale(redis, Section(TicketTypeId("stalls"), "Stalls", 7000, rows))
    await decide(redis, Request("r1", "ann", "stalls:1@stalls-a-2"))
    grown = [row_of("a", [1, 2, 3, 5], {5}), row_of("b", [1]), row_of("c", [4, 5])]
    for changed in (2, 0):
        assert await load_seats(redis, KEYS, grown, ticket_type_id="stalls") == changed
        assert await states(redis) == {"a": "fhf-b", "b": "f", "c": "ff"}
    assert await behind(redis, KEYS, {"stalls": 7}) == []
    assert await behind(redis, KEYS, {"stalls": 8, "circle": 1}) == ["stalls", "circle"]
    [best] = await decide(redis, Request("r2", "bob", "stalls:2@*"))
    assert best.terms.endswith("@stalls-c-4+stalls-c-5")
    assert await load_seats(redis, KEYS, grown[:2], ticket_type_id="stalls") == 0  # read before it grew
    assert await states(redis) == {"a": "fhf-b", "b": "f", "c": "hh"}


async def test_numbers_with_gaps_are_no_neighbours(redis: Redis) -> None:
    await put_on_sale(redis)
    row = row_of("a", [7, 8, 11, 12, 13])
    assert row.states == "ff--fff"
    await load_seats(redis, KEYS, [row], ticket_type_id="stalls")
    assert await states(redis) == {"a": "ff--fff"}


async def test_a_room_that_is_not_loaded_gets_its_seats_when_it_is(redis: Redis) -> None:
    with pytest.raises(RoomNotReady):
        await load_seats(redis, KEYS, a_section().rows, ticket_type_id="stalls")
    assert await redis.dbsize() == 0
