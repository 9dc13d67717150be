"""Visitors see a wait only if the queue can move, and otherwise the reason why it cannot."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.core.model import RoomId
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import RoomKeys
from tests.routes.conftest import Web, bearer, working
from tests.support.waiting import wait_until
from worker.context import WorkerContext

FUTURE, PAST = "2029-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


async def test_behind_a_full_cap_there_is_no_wait_below_what_it_allows(
    web: Web, worker: WorkerContext
) -> None:
    await web.room(active_visitors_max=1, session_ttl_s=600, admission_rate_per_minute=600)
    await web.inside("hall")
    waits = [(await web.join("hall"))["wait_s"] for _ in range(5)]
    assert waits == [None] * 5
    status = (await web.get("/v1/rooms/hall")).json()
    assert (status["blocked"], status["pace"]) == ("cap", None)
    assert (
        "not known right now" in (await web.get("/rooms/hall", headers=cookie(await web.join("hall")))).text
    )


@pytest.mark.parametrize(
    ("event", "floor", "blocked", "expected"),
    [
        ({}, {"sale_from": FUTURE}, "not_on_sale_yet", "not on sale yet"),
        ({}, {"sale_until": PAST}, "sale_over", "ticket sale has ended"),
        ({"starts_at": PAST}, {}, "sale_over", "ticket sale has ended"),
        ({}, {"quantity": 0}, "nothing_on_sale", "no tickets on sale"),
        ({"room": {"admission_rate_per_minute": 0}}, {}, "rate", "first in the queue"),
    ],
)
async def test_where_nothing_is_on_sale_the_page_says_so_and_no_wait_is_told(
    web: Web, worker: WorkerContext, event: dict[str, Any], floor: dict[str, Any], blocked: str, expected: str
) -> None:
    await web.event(**event)
    if floor:
        path = "/v1/events/gala/ticket-types/floor"
        changed = await web.send("PATCH", path, json=floor, headers=web.as_("admin"))
        assert changed.status_code == 200, changed.text

    async def is_told() -> bool:
        return bool((await web.get("/v1/rooms/gala")).json()["blocked"] == blocked)

    await wait_until(is_told, "the reason")
    place = await web.join("gala")
    assert (place["state"], place["wait_s"]) == ("waiting", None)
    page = (await web.get("/rooms/gala", headers=cookie(place))).text
    shown = [it for it in page.split('<div class="notice"')[1:] if " hidden>" not in it.partition("\n")[0]]
    assert any(expected in it for it in shown) or blocked == "rate", shown
    assert ">You are next<" not in page


async def test_where_all_is_held_no_wait_is_told(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=1)
    _, booking = await web.inside("gala")
    other = await web.join("gala")
    assert (await web.reserve("gala", booking)).status_code == 201
    mine = await web.get("/v1/rooms/gala/places/me", headers=bearer(other["place_token"]))
    assert mine.json()["wait_s"] is None
    assert (await web.get("/v1/rooms/gala")).json()["blocked"] == "held"


async def test_without_a_worker_fans_read_for_how_long_nobody_was_called(
    web: Web, stores: Stores, settings: Settings
) -> None:
    redis: Any = stores.redis
    meter = RoomKeys(RoomId("hall")).meter
    async with working(stores, settings):
        await web.room(admission_rate_per_minute=6, burst=1, active_visitors_max=None)
        for _ in range(9):
            place = await web.join("hall")

        async def has_ticked() -> bool:
            return int(await redis.hget(meter, "moved_ms") or 0) > 0

        await wait_until(has_ticked, "a tick of the worker")
        assert "minutes" in await shown_wait(web, place)
    await redis.hincrby(meter, "moved_ms", -45_000)  # as if the worker had died this long ago

    async def stands_still() -> bool:
        return bool((await web.get("/v1/rooms/hall")).json()["still_since"])

    await wait_until(stands_still, "a current document")
    assert (await web.get("/v1/rooms/hall")).json()["pace"] is None
    answer = await web.get("/v1/rooms/hall/places/me", headers=bearer(place["place_token"]))
    assert answer.json()["wait_s"] is None
    assert await shown_wait(web, place) == "no movement for 40 seconds"
    assert "keine Bewegung seit 40 Sekunden" in await page_of(web, place, "de")
    assert 'data-when="still">' in await page_of(web, place)
    for step, state in (("pause", "paused"), ("resume", "open")):
        await web.post(f"/v1/rooms/hall/{step}", headers=web.as_("operator"))
        document = (await web.get("/v1/rooms/hall")).json()
        assert (document["state"], document["still_since"]) == (state, None)
        assert "no movement for" not in await shown_wait(web, place)


async def page_of(web: Web, place: dict[str, Any], language: str = "en") -> str:
    """Their queue page."""
    return (await web.get("/rooms/hall", headers={**cookie(place), "Accept-Language": language})).text


async def shown_wait(web: Web, place: dict[str, Any]) -> str:
    """The wait that their page shows without a script."""
    return str(re.findall(r'<dd data-fill="wait".*>(.*)</dd>', await page_of(web, place))[0])


def cookie(place: dict[str, Any]) -> dict[str, str]:
    """The cookie that the browser with this place sends."""
    return {"Cookie": f"fairgate_place_{place['room_id']}={place['place_token']}"}
