"""More people than seats, on several web processes and workers: each seat is sold once, and all are sold."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.chaos.site import SEATS, Site
from tests.chaos.test_wiped_redis import wipe
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

ROWS, ROW_SEATS, CONTENDERS = 5, 10, 200
PLACES = [f"{SEATS}-{row}-{number}" for row in "abcde" for number in range(1, ROW_SEATS + 1)]


def a_wish(number: int) -> dict[str, Any]:
    """Every seat is named by two visitors; the others take the best available."""
    seat = PLACES[number % len(PLACES)]
    if number < 2 * len(PLACES):
        return {"seat_ids": [seat]}
    return {"best_available": {"ticket_type_id": SEATS, "quantity": 1}}


def seats_of(answers: list[httpx.Response]) -> Counter[str]:
    """How often each seat was given away."""
    return Counter(seat for it in answers if it.status_code == 201 for seat in it.json()["seat_ids"])


async def test_two_hundred_before_fifty_seats_take_each_exactly_once(pair: Site) -> None:
    sale = await pair.open_hall(rows=ROWS, seats_per_row=ROW_SEATS)
    async with pair.crowd(sale) as crowd:
        buyers = await asyncio.gather(*(crowd.buyer() for _ in range(CONTENDERS)))
        answers = await asyncio.gather(*(it.reserve_body("mine", a_wish(n)) for n, it in enumerate(buyers)))
        outcomes = Counter(f"{it.status_code} {it.json().get('code') or ''}".strip() for it in answers)
        assert outcomes["201"] == len(PLACES)
        assert outcomes.keys() <= {"201", "409 seat_taken", "409 sold_out"}
        assert seats_of(answers) == Counter(PLACES)
        lost = [it.json() for it in answers if it.json().get("code") == "seat_taken"]
        assert all(set(it["seat_ids"]) <= set(PLACES) for it in lost)
        winners = [(buyer, it) for buyer, it in zip(buyers, answers, strict=True) if it.status_code == 201]
        paid = await asyncio.gather(*(buyer.confirm(it.json()["reservation_id"]) for buyer, it in winners))
        tickets = [ticket["seat_id"] for it in paid for ticket in it.json()["tickets"]]
        assert sorted(tickets) == sorted(PLACES)

        async def all_sold() -> bool:
            [section] = (await crowd.send("GET", f"/v1/events/{sale.event_id}/seats")).json()["sections"]
            return bool(section["sold"] == len(PLACES))

        await wait_until(all_sold, "the map to show the seats as sold")


async def test_a_wipe_in_the_middle_gives_no_seat_twice(pair: Site) -> None:
    sale = await pair.open_hall(rows=ROWS, seats_per_row=ROW_SEATS)
    async with pair.crowd(sale) as crowd:
        buyers = await asyncio.gather(*(crowd.buyer() for _ in range(60)))
        first = await asyncio.gather(*(it.reserve_body("1", a_wish(n)) for n, it in enumerate(buyers[:20])))
        best = {"best_available": {"ticket_type_id": SEATS, "quantity": 1}}
        rest = [asyncio.create_task(it.reserve_body("mine", best)) for it in buyers[20:]]
        await crowd.wait_for_promises(3)
        await wipe(pair)
        answers = [*first, *await asyncio.gather(*rest)]
        assert seats_of(answers) == Counter(PLACES)
        [loser, *_] = [it for it, answer in zip(buyers, answers, strict=True) if answer.status_code == 409]
        late = await loser.reserve_body("late", {"seat_ids": PLACES[:1]})
        assert late.json()["code"] == "seat_taken"
        assert late.json()["seat_ids"] == PLACES[:1]
        assert crowd.answers["409 sold_out"] == len(buyers) - len(PLACES)
