"""Several workers and web processes together decide as one."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter

import httpx
import pytest

from load.judging.verdict import over_admitted
from load.measure.trials import admissions
from tests.chaos.crowd import Crowd
from tests.chaos.site import Site
from tests.platform.outside import OPS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

RATE = 1_200  # per minute
BURST = 25  # above a second of the rate, so that it matters
SETTLED_S = 2.5  # each process adds its counts every second
AT_ONCE = 50
LAST_TICKETS = 50
CONTENDERS = 200


async def test_two_workers_never_admit_above_the_rate(pair: Site) -> None:
    room = {
        "admission_rate_per_minute": RATE,
        "burst": BURST,
        # the first become no-shows before the last is called, so tokens come back meanwhile
        "claim_window_s": 2,
    }
    sale = await pair.open_sale(room=room)
    async with pair.crowd(sale) as crowd, pair.stores() as stores:
        async with admissions(stores, sale.room_id, RATE) as watched:
            visitors = await asyncio.gather(*(crowd.visitor() for _ in range(100)))
            pair.kill_one("fairgate worker")

            async def all_called() -> bool:
                status = (await crowd.send("GET", f"/v1/rooms/{sale.room_id}")).json()
                return bool(status["waiting"] == 0)

            await wait_until(all_called, "everybody to be called", every_s=0.2)
        assert watched.moments[-1].admitted >= len(visitors)
        assert list(over_admitted(watched.moments, BURST)) == []


async def test_one_key_at_once_in_all_processes_is_one_reservation_and_one_first_answer(pair: Site) -> None:
    sale = await pair.open_sale()
    rounds = itertools.count()
    async with pair.crowd(sale) as crowd:

        async def in_both() -> bool:
            return await _same_key_at_once(crowd, f"key-{next(rounds)}") > 1

        await wait_until(in_both, "the same key in two web processes")


async def _same_key_at_once(crowd: Crowd, key: str) -> int:
    """Returns how many processes responded."""
    buyer = await crowd.buyer()
    answers = await asyncio.gather(*(buyer.reserve(key) for _ in range(AT_ONCE)))
    assert Counter(it.status_code for it in answers) == {201: AT_ONCE}
    assert len({it.content for it in answers}) == 1
    replays = Counter(it.headers.get("idempotent-replay") for it in answers)
    assert replays == {None: 1, "true": AT_ONCE - 1}
    return len({_process(it) for it in answers})


def _process(answer: httpx.Response) -> str:
    """Which process responded: generated request ids begin with the process's own prefix."""
    return answer.headers["x-request-id"].partition("-")[0]


async def test_the_last_tickets_go_to_exactly_as_many(pair: Site) -> None:
    sale = await pair.open_sale(quantity=LAST_TICKETS)
    async with pair.crowd(sale) as crowd:
        buyers = await asyncio.gather(*(crowd.buyer() for _ in range(CONTENDERS)))
        answers = await asyncio.gather(*(buyer.reserve("mine") for buyer in buyers))
        outcomes = Counter(f"{it.status_code} {it.json().get('code') or ''}".strip() for it in answers)
        assert outcomes == {"201": LAST_TICKETS, "409 sold_out": CONTENDERS - LAST_TICKETS}
        repeated = await asyncio.gather(*(buyer.reserve("mine") for buyer in buyers))
        assert [it.status_code for it in repeated] == [it.status_code for it in answers]
        assert all(it.headers["idempotent-replay"] == "true" for it in repeated if it.status_code == 201)
        winners = [(buyer, it) for buyer, it in zip(buyers, answers, strict=True) if it.status_code == 201]
        paid = await asyncio.gather(*(buyer.confirm(it.json()["reservation_id"]) for buyer, it in winners))
        assert {it.status_code for it in paid} == {200}
        assert {it.json()["status"] for it in paid} == {"confirmed"}

        async def sold_out() -> bool:
            status = (await crowd.send("GET", f"/v1/rooms/{sale.room_id}")).json()
            return bool(status["state"] == "sold_out")

        await wait_until(sold_out, "the room to be shown as sold out", every_s=0.1)


async def test_metrics_say_the_same_whichever_process_answers_and_never_fall(pair: Site) -> None:
    sale = await pair.open_sale()

    async def counted(path: str = "/metrics") -> dict[str, float]:
        async with pair.client() as client:  # on a new connection the kernel chooses the process
            text = (await client.get(path, headers=OPS)).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith("fairgate_"))
        return {name: float(value) for name, _, value in lines if "_total" in name or "_bucket" in name}

    joins = 'fairgate_requests_total{call="join",status="201"}'
    before, since = await counted(), time.monotonic()

    async def settled() -> bool:
        nonlocal before, since
        found = await counted()
        if found.get(joins) != before.get(joins):
            before, since = found, time.monotonic()
        return time.monotonic() - since > SETTLED_S

    await wait_until(settled, "earlier counts in the sums")
    highest = before
    async with pair.client() as client:
        for _ in range(AT_ONCE):
            assert (await client.post(f"/v1/rooms/{sale.room_id}/places")).status_code == 201

    async def all_there() -> bool:
        nonlocal highest
        found = await counted()
        fallen = {
            name: (value, found.get(name)) for name, value in highest.items() if found.get(name, 0) < value
        }
        assert not fallen
        highest = found
        return found.get(joins, 0) == before.get(joins, 0) + AT_ONCE

    for _ in range(2):
        await wait_until(all_there, "every join in the sums")
        pair.kill_one("fairgate web")
    for _ in range(10):
        assert await all_there()
