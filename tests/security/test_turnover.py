"""Holding and cancelling repeatedly runs into a limit, through any call or form."""

from __future__ import annotations

from collections import Counter
from itertools import count

import httpx
import pytest

from app.settings import Settings
from app.store.connections import Stores
from app.web.http.cookies import BOOKING_COOKIE, PLACE_COOKIE
from app.web.pages.sale.reservation_forms import QUANTITY
from tests.routes.conftest import Web, code, served

CYCLES = 300
PAY = {"payment": {"method": "card", "token": "tok_ok"}}


def throttled(settings: Settings, **limits: int) -> Settings:
    """With limits, except on joins: everybody in a test has the same address."""
    chosen = {"rate_limits": True, "join_rate_per_address": 0, **limits}
    return settings.model_copy(update=chosen)


def check_limited(refused: httpx.Response, policy: str) -> None:
    """Check for a 429 that states the limit and when to retry."""
    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-policy"].startswith(f'"{policy}"')
    assert "ratelimit" in refused.headers


async def test_hold_and_cancel_over_and_over(settings: Settings, stores: Stores, worker: object) -> None:
    """Also across two web processes: what one has counted applies in the other."""
    chosen = throttled(settings, reserve_rate_per_visitor=6)  # even on a slow machine the burst counts
    async with served(chosen) as web, served(chosen) as second:
        await web.event(floor=10)
        place, booking = await web.inside("gala")
        statuses: Counter[int] = Counter()
        for i in range(CYCLES):
            process = (web, second)[i % 2]
            held = await process.reserve("gala", booking, key=f"k{i}")
            statuses[held.status_code] += 1
            if held.status_code != 201:
                check_limited(held, "reservations")
                continue
            path = f"/v1/reservations/{held.json()['reservation_id']}/cancel"
            cancelled = await process.post(path, headers=place)
            statuses[cancelled.status_code] += 1
        assert set(statuses) <= {200, 201, 429}
        assert statuses[201] + statuses[200] < 100  # the burst, plus what was refilled meanwhile
        assert statuses[429] > CYCLES / 2
        _, other = await web.inside("gala")
        assert (await web.reserve("gala", other)).status_code == 201  # another visitor of that address


async def test_an_address_is_limited_over_all_processes_and_visitors(
    settings: Settings, stores: Stores, worker: object
) -> None:
    chosen = throttled(settings, reserve_rate_per_address=1, reserve_burst_per_address=4)
    chosen = chosen.model_copy(update={"trusted_proxies": ["127.0.0.0/8"]})
    async with served(chosen) as web, served(chosen) as other:
        await web.event(floor=10)
        sessions = [(await web.inside("gala"))[1] for _ in range(6)]
        answers = [
            await (web, other)[i % 2].reserve("gala", {**booking, "X-Forwarded-For": "203.0.113.5"})
            for i, booking in enumerate(sessions)
        ]
        assert [it.status_code for it in answers] == [201] * 4 + [429] * 2
        from_elsewhere = await other.reserve("gala", {**sessions[5], "X-Forwarded-For": "203.0.113.6"})
        assert from_elsewhere.status_code == 201


@pytest.mark.parametrize("limit", ["visitor", "address"])
async def test_every_call_and_form_is_counted(
    settings: Settings, stores: Stores, worker: object, limit: str
) -> None:
    few = {f"reserve_rate_per_{limit}": 1, f"reserve_burst_per_{limit}": 1}
    async with served(throttled(settings, **few)) as web:
        await web.event(floor=10)
        place, booking = await web.inside("gala")
        held = await web.reserve("gala", booking)
        assert held.status_code == 201
        policy = "reservations" if limit == "visitor" else "reservations-address"
        check_limited(await web.reserve("gala", booking, key="again"), policy)
        at = f"/v1/reservations/{held.json()['reservation_id']}"
        check_limited(await web.post(f"{at}/confirm", PAY, headers={**place, "Idempotency-Key": "p"}), policy)
        check_limited(await web.post(f"{at}/extend", headers=place), policy)
        check_limited(await web.post(f"{at}/cancel", headers=place), policy)
        assert (await web.get(at, headers=place)).json()["status"] == "held"
        tokens = [it["Authorization"].removeprefix("Bearer ") for it in (place, booking)]
        cookies = "; ".join(
            f"{name}gala={it}" for name, it in zip((PLACE_COOKIE, BOOKING_COOKIE), tokens, strict=True)
        )
        page = {"Cookie": cookies, "Origin": "http://fairgate.test"}
        page_at = at.removeprefix("/v1")
        for path, form in (
            ("/events/gala/reserve", {f"{QUANTITY}floor": "1"}),
            (f"{page_at}/pay", {"token": "tok_ok"}),
            (f"{page_at}/extend", {}),
            (f"{page_at}/cancel", {}),
        ):
            answer = await web.post(path, data={"idempotency_key": "form", **form}, headers=page)
            assert answer.status_code == 429, (path, answer.status_code)
        assert (await web.get(at, headers=place)).json()["status"] == "held"


async def test_without_limits_there_are_none(web: Web, worker: object) -> None:
    await web.event(floor=10)
    place, booking = await web.inside("gala")
    for i in count():
        held = await web.reserve("gala", booking, key=f"k{i}")
        path = f"/v1/reservations/{held.json()['reservation_id']}/cancel"
        assert (await web.post(path, headers=place)).status_code == 200
        if i == 60:
            break
