"""Seats in the scripts that decide and release: named seats, the best ones, and whose they are."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from redis.asyncio import Redis

from app.core.catalogue.seating import FREE
from app.store.scripts.filling import LoadedHold, load_holds
from app.store.scripts.stock import Decision, Request, SubmitReply, confirm, release, submit
from tests.support.sales import KEYS, NOW, decide, give_sessions, stock, submission
from tests.support.seating import a_section, put_seats_on_sale, states

ALL_FREE = {"a": "fffff", "b": "fffff", "c": "fffff"}
TIMES = f"EUR|{NOW}|{NOW + 300_000}"
_ids = itertools.count(1)


def named(visitor_id: str, *seats: str, reservation_id: str = "") -> Request:
    """A request for seats of the stalls, such as `a-1`."""
    ids = "+".join(f"stalls-{it}" for it in seats)
    return Request(reservation_id or f"n{next(_ids)}", visitor_id, f"stalls:{len(seats)}@{ids}")


def best(visitor_id: str, quantity: int) -> Request:
    return Request(f"b{next(_ids)}", visitor_id, f"stalls:{quantity}@*")


def chosen(decision: Decision) -> list[str]:
    """The seats of a hold, such as `a-1`."""
    assert decision.word == "held", decision
    return [it.removeprefix("stalls-") for it in decision.terms.rpartition("@")[2].split("+")]


async def one(redis: Redis, request: Request) -> Decision:
    [decision] = await decide(redis, request)
    return decision


async def test_named_seats_are_taken_at_the_price_of_their_section(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await give_sessions(redis, "ann")
    request = named("ann", "a-1", "c-5")
    assert await decide(redis, request) == [
        Decision("held", f"14000|{TIMES}|stalls:2:7000@stalls-a-1+stalls-c-5")
    ]
    assert await stock(redis, "stalls") == (13, 2, 0)
    assert await states(redis) == {"a": "hffff", "b": "fffff", "c": "ffffh"}
    assert await redis.hgetall(KEYS.sitters) == {"stalls-a-1": "ann", "stalls-c-5": "ann"}
    assert await redis.hgetall(KEYS.allowance) == {"ann": "2"}
    assert await redis.smembers(KEYS.buyers) == {"ann"}
    assert (await one(redis, request)).word == "known"


async def test_all_of_them_or_none_and_the_taken_ones_are_named(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, named("ann", "a-2", "a-4"))
    refused = await one(redis, named("bob", "a-1", "a-2", "a-3", "a-4", reservation_id="r1"))
    assert refused == Decision("seat_taken", "stalls-a-2+stalls-a-4")
    assert await states(redis) == ALL_FREE | {"a": "fhfhf"}
    assert await stock(redis, "stalls") == (13, 2, 0)
    assert not await redis.hexists(KEYS.allowance, "bob")
    assert await redis.hget(KEYS.outcomes, "r1") == "print|seat_taken|bob|stalls-a-2+stalls-a-4"


async def test_in_one_batch_the_first_gets_the_seat(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    answers = await decide(redis, named("ann", "a-1"), named("bob", "a-1", "a-2"), named("cem", "a-2"))
    assert [it.word for it in answers] == ["held", "seat_taken", "held"]
    assert await states(redis) == ALL_FREE | {"a": "hhfff"}


async def test_a_seat_one_has_already_stays_where_it_is(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, named("ann", "a-1", reservation_id="first"))
    more = await one(redis, named("ann", "a-1", "a-2", reservation_id="second"))
    assert chosen(more) == ["a-2"]
    assert more.terms.startswith("7000|")
    assert await redis.hgetall(KEYS.allowance) == {"ann": "2"}
    assert await release(redis, KEYS, ["second"]) == 1
    assert await states(redis) == ALL_FREE | {"a": "hffff"}
    nothing_new = await one(redis, named("ann", "a-1"))
    assert nothing_new == Decision("seat_taken", "stalls-a-1")
    assert await states(redis) == ALL_FREE | {"a": "hffff"}


async def test_the_limit_counts_seats_and_counted_tickets_together(redis: Redis) -> None:
    await put_seats_on_sale(redis, max_tickets=3)
    answers = await decide(
        redis, Request("r1", "ann", "floor:2"), named("ann", "a-1"), named("ann", "a-2"), best("ann", 1)
    )
    assert [it.word for it in answers] == ["held", "held", "limit_exceeded", "limit_exceeded"]
    assert await states(redis) == ALL_FREE | {"a": "hffff"}


async def test_seats_of_two_sections_are_one_reservation(redis: Redis) -> None:
    await put_seats_on_sale(redis, a_section(), a_section("Upper Circle", 1, 3))
    items = "stalls:1@stalls-a-1,upper-circle:2@upper-circle-a-1+upper-circle-a-2"
    held = await one(redis, Request("r1", "ann", items))
    assert held.terms.split("|")[-1] == (
        "stalls:1:7000@stalls-a-1,upper-circle:2:7000@upper-circle-a-1+upper-circle-a-2"
    )
    assert await stock(redis, "upper-circle") == (1, 2, 0)
    assert await states(redis, ticket_type="upper-circle") == {"a": "hhf"}


# --- the best seats ---------------------------------------------------------------------------------------
async def test_the_best_are_together_in_the_first_row_that_has_so_many(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    assert chosen(await one(redis, best("ann", 3))) == ["a-1", "a-2", "a-3"]
    assert chosen(await one(redis, best("bob", 3))) == ["b-1", "b-2", "b-3"]
    assert chosen(await one(redis, best("cem", 2))) == ["a-4", "a-5"]
    assert chosen(await one(redis, best("dan", 5))) == ["c-1", "c-2", "c-3", "c-4", "c-5"]


async def test_a_batch_is_seated_one_after_the_other(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    answers = await decide(redis, best("ann", 4), named("bob", "b-1"), best("cem", 5), best("dan", 4))
    assert [chosen(it)[0] for it in answers] == ["a-1", "b-1", "c-1", "b-2"]
    assert await states(redis) == {"a": "hhhhf", "b": "hhhhh", "c": "hhhhh"}


async def test_the_smallest_gap_that_fits_is_filled(redis: Redis) -> None:
    await put_seats_on_sale(redis, a_section(rows=1, seats_per_row=9))
    await decide(redis, named("ann", "a-5"), named("bob", "a-8"))  # free: 1-4, 6-7, 9
    assert chosen(await one(redis, best("cem", 1))) == ["a-9"]
    assert chosen(await one(redis, best("dan", 2))) == ["a-6", "a-7"]


async def test_where_nowhere_so_many_are_together_the_rest_is_near(redis: Redis) -> None:
    await put_seats_on_sale(redis, a_section(rows=5, seats_per_row=4))
    await decide(redis, named("x", "a-2", "b-1", "b-3"), named("y", "c-4"), named("z", "d-2", "d-3", "e-2"))
    assert await states(redis) == {"a": "fhff", "b": "hfhf", "c": "fffh", "d": "fhhf", "e": "fhff"}
    assert chosen(await one(redis, best("ann", 6))) == ["c-1", "c-2", "c-3", "b-2", "b-4", "d-1"]


async def test_more_than_are_free_take_nothing(redis: Redis) -> None:
    await put_seats_on_sale(redis, a_section(rows=1))
    await decide(redis, named("ann", "a-3"))
    assert (await one(redis, best("bob", 5))).word == "sold_out"
    assert await states(redis) == {"a": "ffhff"}
    assert chosen(await one(redis, best("bob", 4))) == ["a-1", "a-2", "a-4", "a-5"]
    assert (await one(redis, best("cem", 1))).word == "sold_out"


@pytest.mark.parametrize("seats_per_row", [35, 36, 37, 91, 92, 93, 94, 100, 130])
async def test_long_rows_are_measured_right(redis: Redis, seats_per_row: int) -> None:
    await put_seats_on_sale(redis, a_section(rows=2, seats_per_row=seats_per_row), max_tickets=100)
    await decide(redis, named("ann", "a-1"))
    wanted = min(seats_per_row, 100)
    first = "a-2" if seats_per_row > 100 else "b-1"
    assert chosen(await one(redis, best("bob", wanted)))[0] == first
    await states(redis)


@pytest.mark.parametrize("seed", range(8))
async def test_any_sale_gives_each_seat_once_and_in_the_end_all_back(redis: Redis, seed: int) -> None:
    random = Random(seed)
    await put_seats_on_sale(redis, a_section(rows=6, seats_per_row=8), max_tickets=100)
    holds: dict[str, list[str]] = {}
    for _ in range(40):
        rows = await states(redis)
        free = [f"{row}-{n}" for row, text in rows.items() for n, it in enumerate(text, 1) if it == FREE]
        runs = [run for text in rows.values() for run in text.replace("s", "h").split("h")]
        kind = random.random()
        if kind < 0.3 and holds:
            ended = random.choice(list(holds))
            assert await release(redis, KEYS, [ended]) == 1
            del holds[ended]
            continue
        request = (
            best("ann", random.randint(1, 9))
            if kind < 0.7
            else named("ann", *random.sample(free, min(2, len(free))))
        )
        if not free:
            continue
        quantity = int(request.items.split(":")[1].split("@")[0])
        decision = await one(redis, request)
        assert decision.word == ("held" if quantity <= len(free) else "sold_out")
        if decision.word == "held":
            seats = chosen(decision)
            assert len(seats) == len(set(seats)) == quantity
            assert set(seats) <= set(free)
            if request.items.endswith("*") and max(map(len, runs)) >= quantity:
                numbers = sorted(int(it.split("-")[1]) for it in seats)
                assert len({it.split("-")[0] for it in seats}) == 1
                assert numbers == list(range(numbers[0], numbers[0] + quantity))
            holds[request.reservation_id] = seats
        taken = 48 - sum(text.count(FREE) for text in (await states(redis)).values())
        assert taken == sum(map(len, holds.values())) == (await stock(redis, "stalls"))[1]
    await release(redis, KEYS, list(holds))
    assert set((await states(redis)).values()) == {"ffffffff"}
    assert not await redis.exists(KEYS.sitters)


# --- refused at the door ----------------------------------------------------------------------------------
async def submit_seats(redis: Redis, *wishes: str, visitor_id: str = "ann") -> list[SubmitReply]:
    submissions = [submission(f"s{next(_ids)}", visitor_id, items) for items in wishes]
    return await submit(redis, KEYS, submissions, event_id="gala", backlog_max=100, now_ms=NOW)


async def test_what_is_clearly_taken_or_unknown_is_refused_at_the_door(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await give_sessions(redis, "ann")
    await decide(redis, named("bob", "a-1"), named("ann", "a-2"))
    assert await submit_seats(
        redis,
        "stalls:1@stalls-a-1",
        "stalls:2@stalls-a-2+stalls-a-3",
        "stalls:1@stalls-a-2",
        "stalls:2@stalls-a-1+stalls-a-6",
        "stalls:2@stalls-d-1+stalls-a-0",
        "circle:1@circle-a-1",
        "floor:1@floor-a-1",
        "floor:2@*",
        "stalls:2",
        "floor:1",
        "stalls:4@*",
        "stalls:11@*",
    ) == [
        SubmitReply("seat_taken", "stalls-a-1"),
        SubmitReply("queued", ""),
        SubmitReply("seat_taken", "stalls-a-2"),
        SubmitReply("unknown_seat", "stalls-a-6"),
        SubmitReply("unknown_seat", "stalls-d-1+stalls-a-0"),
        SubmitReply("unknown_type", "circle"),
        SubmitReply("no_seats", "floor"),
        SubmitReply("no_seats", "floor"),
        SubmitReply("seated_type", "stalls"),
        SubmitReply("queued", ""),
        SubmitReply("queued", ""),
        SubmitReply("limit_exceeded", ""),
    ]


async def test_best_seats_are_refused_at_the_door_when_too_few_are_left(redis: Redis) -> None:
    await put_seats_on_sale(redis, a_section(rows=1, seats_per_row=2))
    await give_sessions(redis, "ann")
    assert [it.word for it in await submit_seats(redis, "stalls:3@*", "stalls:2@*")] == ["sold_out", "queued"]


async def test_a_refusal_is_repeated_with_its_seats(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await give_sessions(redis, "ann")
    await decide(redis, named("bob", "a-1"))
    again = submission("same", "ann", "stalls:1@stalls-a-1")
    for answer in (
        SubmitReply("seat_taken", "stalls-a-1"),
        SubmitReply("known", "seat_taken|ann|stalls-a-1"),
    ):
        assert await submit(redis, KEYS, [again], event_id="gala", backlog_max=9, now_ms=NOW) == [answer]


# --- how it ends ------------------------------------------------------------------------------------------
async def test_a_release_frees_the_seats_once(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, named("ann", "a-1", "b-1", reservation_id="r1"))
    assert await release(redis, KEYS, ["r1", "r1"]) == 1
    assert await states(redis) == ALL_FREE
    assert await stock(redis, "stalls") == (15, 0, 0)
    await decide(redis, named("bob", "a-1", reservation_id="r2"))
    assert await release(redis, KEYS, ["r1"]) == 0
    assert (await states(redis))["a"] == "hffff"


async def test_confirmed_seats_are_sold_and_may_be_given_back(redis: Redis) -> None:
    await put_seats_on_sale(redis)
    await decide(redis, named("ann", "a-1", reservation_id="r1"))
    assert await confirm(redis, KEYS, ["r1"], now_ms=NOW) == 1
    assert (await states(redis))["a"] == "sffff"
    assert await stock(redis, "stalls") == (14, 0, 1)
    assert (await one(redis, named("bob", "a-1"))).word == "seat_taken"
    await release(redis, KEYS, ["r1"])
    assert await states(redis) == ALL_FREE


async def test_a_restore_seats_everybody_again_once(redis: Redis) -> None:
    await put_seats_on_sale(redis, restoring=1)
    held = LoadedHold("r1", f"held|ann|14000|{TIMES}|stalls:2:7000@stalls-a-1+stalls-a-2", "")
    sold = LoadedHold("r2", f"sold|bob|7000|{TIMES}|stalls:1:7000@stalls-b-1", "")
    for _ in range(2):
        await load_holds(redis, KEYS, [held, sold], epoch=1)
    assert await states(redis) == ALL_FREE | {"a": "hhfff", "b": "sffff"}
    assert await redis.hget(KEYS.sitters, "stalls-b-1") == "bob"
    assert await stock(redis, "stalls") == (12, 2, 1)
