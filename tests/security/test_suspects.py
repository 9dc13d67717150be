"""Anyone who takes many places waits in the lane of suspects, whatever their cookies, links and accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from altcha import v1 as altcha

from app.core.model import VisitorId
from app.core.tokens.proof_of_work import Challenge, solved
from app.core.waiting_room.newcomers import is_suspect
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code, served
from tests.routes.test_console_pages import submit
from tests.security.test_carry import Browser
from tests.support.tampering import tampered

PLACES, SLOWER = "/v1/rooms/gala/places", {"name": "Slower", "share": 5}


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app with its limits, which distinguish between addresses."""
    async with served(settings.model_copy(update={"rate_limits": True})) as found:
        yield found


async def a_sale(web: Web, **settings: Any) -> None:
    """A sale in which everybody waits, and each address gets one ordinary place."""
    room = {"lanes": [SLOWER], "newcomers_per_address": 1, "suspects_lane": "Slower", **settings}
    await web.event(room=room)
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))


async def test_what_one_address_takes_beyond_its_share_is_in_the_slower_lane(web: Web) -> None:
    await a_sale(web)
    first, second = await web.join("gala"), await web.join("gala")
    assert (first["lane"], second["lane"]) == (0, 1)
    # With its token the place is theirs, however often they return.
    again = await web.post(PLACES, {}, headers=bearer(second["place_token"]))
    assert (again.status_code, again.json()["queue_number"], again.json()["lane"]) == (200, 2, 1)
    # An account has the same id in every lane, so it must retry later; nobody gets past the queue.
    assert code(await web.post(PLACES, {}, headers=web.as_("user"))) == (429, "rate_limited")
    status = (await web.get("/v1/rooms/gala")).json()
    assert [it.get("suspects") for it in status["lanes"]] == [None, True]
    assert "5 of 100 turns" in (await web.get("/rooms/gala/fairness")).text
    await web.post("/v1/rooms/gala/resume", headers=web.as_("operator"))
    gate = await web.get("/v1/rooms/gala/gate", headers={"Accept": "text/html"})
    assert gate.status_code != 204
    console = await web.staff("operator")
    page = (await web.get("/admin/rooms/gala", headers=console)).text
    assert "Joined as suspects" in page
    assert "too many from one address: 1" in page


async def test_a_suspects_place_stays_one_in_another_browser(web: Web) -> None:
    await a_sale(web)
    await web.join("gala")
    ann, bob = Browser(web, httpx.Cookies()), Browser(web, httpx.Cookies())
    for browser in (ann, bob):
        await browser.send("GET", "/rooms/gala")
    for _ in range(2):  # sent twice, still one place
        assert (await ann.send("POST", "/rooms/gala/join")).status_code == 303
    assert (await ann.place())["lane"] == 1
    assert (await bob.take(await ann.link())).headers["location"] == "/rooms/gala"
    place = await bob.place()
    assert (place["lane"], place["queue_number"]) == (1, 2)
    assert is_suspect(VisitorId(str(place["visitor_id"])))
    assert await web.app.stores.redis.zcard("{gala}:waiting") == 2


async def test_a_newcomer_solves_the_challenge_before_they_join(web: Web) -> None:
    await a_sale(web, proof_of_work=True, newcomers_per_address=None)
    refused = await web.post(PLACES, {})
    assert code(refused) == (403, "proof_of_work_needed")
    answer = await web.get("/v1/rooms/gala/challenge")
    assert answer.json().keys() == refused.json()["challenge"].keys()
    solution = answer_to(answer.json())
    for wrong in (
        tampered(solution),
        answer_to(answer.json() | {"salt": answer.json()["salt"] + "&cost=1"}),
        "AAAA",
    ):
        assert code(await web.post(PLACES, {"proof_of_work": wrong})) == (403, "proof_of_work_needed")
    place = await web.join("gala", json={"proof_of_work": solution})
    assert place["lane"] == 0
    assert code(await web.post(PLACES, {"proof_of_work": solution})) == (403, "proof_of_work_needed")
    # Visitors with a place are not asked again; those with neither place nor JavaScript join in the slower
    # lane.
    assert (await web.post(PLACES, {}, headers=bearer(place["place_token"]))).status_code == 200
    assert (await web.join("gala", json={"slower_lane": True}))["lane"] == 1
    fan = Browser(web, httpx.Cookies())
    page = (await fan.send("GET", "/rooms/gala")).text
    assert "work.js" in page
    assert "in a slower lane" in page
    await fan.send("POST", "/rooms/gala/join")
    assert (await fan.place())["lane"] == 1
    assert "work.js" not in (await fan.send("GET", "/rooms/gala")).text
    await web.send("PATCH", "/v1/rooms/gala", json={"proof_of_work": False}, headers=web.as_("operator"))
    assert code(await web.get("/v1/rooms/gala/challenge")) == (404, "not_found")


def answer_to(challenge: dict[str, Any]) -> str:
    """The solution, as any ALTCHA solver finds it."""
    given = Challenge(**challenge)
    found = altcha.solve_challenge(given.challenge, given.salt, "SHA-256", given.maxnumber)
    return solved(given, found.number if found else 0)


async def test_staff_say_what_is_asked(web: Web) -> None:
    await web.event(room={"lanes": [SLOWER]})
    console, form = await web.staff(), "/admin/rooms/gala/entry/newcomers"
    asked = {"newcomers_per_address": "4", "proof_of_work": "1", "suspects_lane": "Slower"}
    answer = await submit(web, form, console, **asked)
    assert answer.status_code == 303
    room = (await web.get("/v1/rooms/gala/settings", headers=web.as_("operator"))).json()
    assert [room[it] for it in asked] == [4, True, "Slower"]
    for wrong in ({"newcomers_per_address": "x"}, {"suspects_lane": "Fast"}):
        assert (await submit(web, form, console, **wrong)).status_code == 422
