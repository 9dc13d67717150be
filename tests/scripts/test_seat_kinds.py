"""Accessible and companion seats in the scripts: only by name, and companions only with their party."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from app.core.catalogue.seating import SeatRow, Section
from app.core.model import TicketTypeId
from app.store.scripts.filling import load_seats
from app.store.scripts.stock import Request, SubmitReply, release, submit
from tests.support.sales import KEYS, NOW, decide, give_sessions, submission
from tests.support.seating import put_seats_on_sale

ROWS = [SeatRow("a", 1, "ffffff", "acc..c"), SeatRow("b", 1, "ffff")]


@pytest.fixture
async def hall(redis: Redis) -> Redis:
    """Seat a-1 is accessible; a-2 and a-3 are companion seats next to it; a-6 is one with no neighbour."""
    await put_seats_on_sale(redis, Section(TicketTypeId("stalls"), "Stalls", 7000, ROWS))
    return redis


async def word(redis: Redis, *seats: str, visitor_id: str = "ann") -> tuple[str, str]:
    ids = "+".join(f"stalls-{it}" for it in seats)
    request = Request("+".join((*seats, visitor_id)), visitor_id, f"stalls:{len(seats)}@{ids}")
    [decision] = await decide(redis, request)
    return decision.word, decision.terms


@pytest.mark.parametrize("seats", [("a-1",), ("a-1", "a-2"), ("a-1", "a-2", "a-3"), ("a-1", "a-3"), ("a-4",)])
async def test_companions_sit_with_the_accessible_seat_next_to_them(hall: Redis, seats: list[str]) -> None:
    assert (await word(hall, *seats))[0] == "held"


@pytest.mark.parametrize("seats", [("a-2",), ("a-2", "a-3"), ("a-6",), ("a-1", "a-6"), ("a-3", "a-4")])
async def test_a_companion_seat_alone_is_refused_and_nothing_is_taken(hall: Redis, seats: list[str]) -> None:
    alone = "+".join(f"stalls-{it}" for it in seats if it in ("a-2", "a-3", "a-6") and seats[0] != "a-1")
    refused = await word(hall, *seats)
    assert refused == ("companion_alone", alone or "stalls-a-6")
    assert await hall.hget(KEYS.seats, "row:stalls-a") == "1|1|ffffff"


async def test_a_companion_may_come_later_to_who_has_the_accessible_seat(hall: Redis) -> None:
    assert (await word(hall, "a-1"))[0] == "held"
    assert (await word(hall, "a-2", visitor_id="bob"))[0] == "companion_alone"
    assert (await word(hall, "a-2"))[0] == "held"


async def test_the_best_seats_leave_them_to_who_asks_for_them(hall: Redis) -> None:
    best, most, last = await decide(
        hall, *(Request(f"r{n}", "ann", f"stalls:{n}@*") for n in (4, 2)), Request("r9", "ann", "stalls:1@*")
    )
    assert best.terms.endswith("@stalls-b-1+stalls-b-2+stalls-b-3+stalls-b-4")
    assert most.terms.endswith("@stalls-a-4+stalls-a-5")
    assert last.word == "sold_out"


async def test_kinds_change_and_who_sits_there_stays(hall: Redis) -> None:
    await word(hall, "a-4")
    rows = [SeatRow("a", 1, "ffffff"), SeatRow("b", 1, "ffff", "a...")]
    await load_seats(hall, KEYS, rows, ticket_type_id="stalls")
    assert await hall.hget(KEYS.seats, "row:stalls-a") == "1|1|fffhff"
    [best] = await decide(hall, Request("r1", "ann", "stalls:3@*"))
    assert best.terms.endswith("@stalls-a-1+stalls-a-2+stalls-a-3")


async def test_it_is_refused_at_the_door_and_told_again(hall: Redis) -> None:
    await give_sessions(hall, "ann")
    for answer in (
        SubmitReply("companion_alone", "stalls-a-2"),
        SubmitReply("known", "companion_alone|ann|stalls-a-2"),
    ):
        sent = submission("same", "ann", "stalls:1@stalls-a-2")
        assert await submit(hall, KEYS, [sent], event_id="gala", backlog_max=9, now_ms=NOW) == [answer]


async def test_seats_are_called_by_their_labels(redis: Redis) -> None:
    rows = [SeatRow("a", 1, "ff-ff", ".a-c.", "3,1,,2,4b"), SeatRow("b", 1, "ff")]
    await put_seats_on_sale(redis, Section(TicketTypeId("stalls"), "Stalls", 7000, rows))
    assert (await word(redis, "a-2"))[0] == "companion_alone"  # an aisle is in between
    assert (await word(redis, "a-4b"))[1].endswith("@stalls-a-4b")
    assert (await word(redis, "a-5"))[0] == "seat_taken"  # there is no such seat
    best = await decide(redis, Request("r1", "ann", "stalls:3@*"))
    assert best[0].terms.endswith("@stalls-b-1+stalls-b-2+stalls-a-3")
    assert await redis.hget(KEYS.seats, "row:stalls-a") == "1|1|hf-fh"
    await release(redis, KEYS, ["r1", "a-4b+ann"])
    assert await redis.hget(KEYS.seats, "row:stalls-a") == "1|1|ff-ff"
