"""Nobody can keep others from being called by joining repeatedly and never claiming."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

from app.core.model import VisitorId
from app.settings import Settings
from app.store.connections import Stores
from app.store.scripts import carrying, room
from app.store.scripts.room import JoinRecord
from tests.routes.conftest import Web, bearer, code, served
from tests.support.builders import KEYS, NOW, Client, a_room, join_record, stock
from tests.support.queue_steps import claim, get_places, join, states, states_of, tick
from tests.support.waiting import wait_until

TICKETS = 200
RATE = 60  # calls per minute
ATTACKER = "203.0.113.5"
JOINS = "/v1/rooms/gala/places"
ME = f"{JOINS}/me"
_others = count(1)


def behind_a_proxy(settings: Settings) -> Settings:
    """Default throttles; visitors' addresses are those the proxy reports."""
    return settings.model_copy(update={"rate_limits": True, "trusted_proxies": ["127.0.0.0/8"]})


def of(address: str) -> dict[str, str]:
    """The headers of a request from this address."""
    return {"X-Forwarded-For": address}


def another_address() -> dict[str, str]:
    """The headers of a request from an address that nobody else uses."""
    at = next(_others)
    return of(f"198.18.{at // 250}.{at % 250 + 1}")


async def inside(web: Web, place: dict[str, Any]) -> bool:
    """Whether their claim starts a session."""
    return (await web.post(f"{ME}/booking-token", headers=bearer(place["place_token"]))).status_code == 201


async def test_a_flood_of_joins_leaves_the_calls_to_the_fans(
    settings: Settings, stores: Stores, worker: object
) -> None:
    async with served(behind_a_proxy(settings)) as web:
        await web.event("gala", floor=TICKETS)
        fast = {"admission_rate_per_minute": 60_000}
        await web.send("PATCH", "/v1/rooms/gala", json=fast, headers=web.as_("operator"))
        joins = (web.post(JOINS, {"quantity": 10}, headers=of(ATTACKER)) for _ in range(300))
        answers = await asyncio.gather(*joins)
        assert [it.status_code for it in answers].count(201) >= 200
        assert {it.status_code for it in answers} == {201, 429}

        fans = [await web.join("gala", headers=another_address()) for _ in range(TICKETS * 9 // 10)]
        waiting = fans

        async def all_inside() -> bool:
            nonlocal waiting
            waiting = [it for it in waiting if not await inside(web, it)]
            return not waiting

        await wait_until(all_inside, "every fan to be called")

        hoarded = [it.json() for it in answers if it.status_code == 201]
        unclaimed = (await web.get("/v1/rooms/gala")).json()["called"]
        assert 3 <= unclaimed <= TICKETS / 20
        first, *_, last = [
            (await web.get(ME, headers=bearer(it["place_token"]))).json()["state"] for it in hoarded
        ]
        assert (first, last) == ("called", "waiting")


async def test_who_shares_an_address_is_called_one_after_the_other(
    settings: Settings, stores: Stores, worker: object
) -> None:
    """A school or a company: more people than may be called at once without claiming; all of them get in."""
    async with served(behind_a_proxy(settings)) as web:
        await web.event("gala", floor=40)
        fans = [await web.join("gala", headers=of(ATTACKER)) for _ in range(30)]
        first_states = [it["state"] for it in fans]
        assert first_states == ["called"] * 3 + ["waiting"] * 27
        assert [it["queue_number"] for it in fans] == list(range(1, 31))
        for fan in fans:

            async def comes_in(fan: dict[str, Any] = fan) -> bool:
                return await inside(web, fan)

            await wait_until(comes_in, f"number {fan['queue_number']} to get in")


async def test_accounts_of_an_address_count_with_its_other_visitors(
    settings: Settings, stores: Stores
) -> None:
    async with served(behind_a_proxy(settings)) as web:
        await web.event("gala", floor=40)
        for number in range(3):
            account = web.as_("user", f"account{number}")
            assert (await web.join("gala", headers={**account, **of(ATTACKER)}))["state"] == "called"
        assert (await web.join("gala", headers=of(ATTACKER)))["state"] == "waiting"
        account = web.as_("user", "account4")
        assert (await web.join("gala", headers={**account, **of(ATTACKER)}))["state"] == "waiting"


async def test_staff_set_how_many(settings: Settings, stores: Stores) -> None:
    async with served(behind_a_proxy(settings)) as web:
        await web.room("gala", unclaimed_per_network_max=1)
        joined = [(await web.join("gala", headers=of(ATTACKER)))["state"] for _ in range(2)]
        assert joined == ["called", "waiting"]
        for wrong in (0, -1, "many", 1.5, 1_000_001):
            refused = await web.send(
                "PATCH",
                "/v1/rooms/gala",
                json={"unclaimed_per_network_max": wrong},
                headers=web.as_("operator"),
            )
            assert code(refused) == (422, "validation_failed"), wrong


class Fans:
    """Honest fans of a room at a pinned time: they claim five seconds after the call, and reserve."""

    def __init__(self, redis: Client) -> None:
        self.redis = redis
        self.free = TICKETS
        self.called: dict[str, int] = {}
        self.inside: set[str] = set()

    async def come(self, number: int, now_ms: int) -> None:
        await join(self.redis, join_record(f"fan{number}", address=f"198.18.0.{number}"), now_ms=now_ms)

    async def go_on(self, now_ms: int) -> None:
        names = [it for it in await self.redis.zrange(KEYS.called, 0, -1) if it.startswith("fan")]
        for name in names:
            self.called.setdefault(name, now_ms)
        for name in [it for it in names if now_ms - self.called[it] >= 5_000]:
            assert states_of(await claim(self.redis, name, now_ms=now_ms)) == ["active"]
            self.free -= 1
            await self.redis.sadd(KEYS.buyers, name)
            await stock(self.redis, self.free, held=TICKETS - self.free)


async def called_in(redis: Client, seconds: int, *, attacked: bool) -> int:
    """How many fans are called in this time, with more joining than that; the attacker was there first."""
    await redis.flushall()
    await a_room(redis, event_id="gala", admission_rate_per_minute=RATE)
    await stock(redis, TICKETS)
    fans, hoarder = Fans(redis), count(1)
    for second in range(seconds):
        now_ms = NOW + second * 1_000
        # 200 at once, then ten per second: as many joins as the throttle lets through.
        joins = [
            JoinRecord(f"hoarder{next(hoarder)}", ATTACKER, 7, -1, 0, quantity=10)
            for _ in range((10 if second else 200) if attacked else 0)
        ]
        if joins:
            await room.join(redis, KEYS, joins, rate=600, burst=200, now_ms=now_ms)
        for fan in range(3):
            await fans.come(3 * second + fan, now_ms)
        await tick(redis, now_ms)
        await fans.go_on(now_ms)
    return len(fans.called)


async def test_fans_are_called_at_nine_tenths_of_the_rate(redis: Client) -> None:
    seconds = 180  # one and a half claim windows, so that lapsed calls are made again
    undisturbed = await called_in(redis, seconds, attacked=False)
    assert undisturbed >= RATE * seconds / 60
    assert await called_in(redis, seconds, attacked=True) >= 0.9 * undisturbed


async def test_who_let_a_turn_lapse_waits_at_the_end_with_half_the_time(redis: Client) -> None:
    await a_room(redis, event_id="gala", claim_window_s=60, admission_rate_per_minute=60_000)
    await stock(redis, 1)
    await join(redis, "late", "fan")
    later = NOW + 60_000
    await tick(redis, later)
    assert await states(redis, "late", "fan", now_ms=later) == ["no_show", "called"]
    assert states_of(await join(redis, "late", now_ms=later)) == ["waiting"]
    (place,) = await get_places(redis, "late", now_ms=later)
    assert getattr(place, "queue_number", 0) == 3
    hours = later + 2 * 3_600_000  # the count is kept while they wait
    await tick(redis, hours)
    await tick(redis, hours)
    (place,) = await get_places(redis, "late", now_ms=hours)
    assert getattr(place, "claim_by_ms", 0) == hours + 30_000
    await claim(redis, "late", now_ms=hours)
    await room.leave(redis, KEYS, VisitorId("late"), now_ms=hours)
    await join(redis, "late", now_ms=hours)
    (place,) = await get_places(redis, "late", now_ms=hours)
    assert getattr(place, "claim_by_ms", 0) == hours + 60_000  # they claimed, so the count is reset


@pytest.mark.parametrize("end", ["claim", "leave", "remove", "no_show", "carry"])
async def test_however_a_call_ends_the_next_of_the_address_is_called(redis: Client, end: str) -> None:
    await a_room(redis, admission_rate_per_minute=60_000, unclaimed_per_network_max=1)
    first, second = (f"{name:-<22}net1" for name in ("v1", "v2"))
    assert states_of(await join(redis, first, second)) == ["called", "waiting"]
    assert (await tick(redis)).calls == 0
    now_ms = NOW + (120_000 if end == "no_show" else 0)
    if end == "claim":
        await claim(redis, first)
    elif end == "carry":
        await carrying.carry(redis, KEYS, "code", VisitorId(first), VisitorId("elsewhere"), now_ms=NOW)
    elif end != "no_show":
        await getattr(room, end)(redis, KEYS, VisitorId(first), now_ms=NOW)
    assert (await tick(redis, now_ms)).calls == (0 if end == "carry" else 1)
    if end == "carry":  # the place still counts for that address: its new owner has not claimed
        assert await redis.hgetall(KEYS.networks) == {"elsewhere": "net1", ":net1": "1"}
        await claim(redis, "elsewhere")
        assert (await tick(redis)).calls == 1
    await claim(redis, second, now_ms=now_ms)
    assert not await redis.exists(KEYS.networks)


async def test_a_line_of_hoarders_holds_up_nobody_behind_it(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=600, unclaimed_per_network_max=2)
    hoarders = [join_record(f"h{n}", address="net1") for n in range(1_500)]
    await join(redis, *hoarders)
    await join(redis, *(f"f{n}" for n in range(60)))
    calls = [(await tick(redis, NOW + 250 * n)).calls for n in range(60)]
    assert sum(calls) == 60
    assert await states(redis, "f59", "h1499", now_ms=NOW + 15_000) == ["called", "waiting"]
