"""Tickets for an event that has started are no longer sold, unless staff allow it."""

from __future__ import annotations

from typing import Any

import pytest

from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code
from tests.support.waiting import wait_until
from worker.context import WorkerContext


async def change(web: Web, **fields: Any) -> None:
    """Staff change the event."""
    changed = await web.send("PATCH", "/v1/events/gala", json=fields, headers=web.as_("admin"))
    assert changed.status_code == 200, changed.text


async def test_nothing_is_sold_of_an_event_that_has_begun_and_nobody_is_called_for_it(
    web: Web, worker: WorkerContext
) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    await change(web, starts_at="2020-01-01T20:00:00Z")
    refused = await web.reserve("gala", booking)
    assert code(refused) == (409, "not_on_sale")
    late = await web.join("gala")
    assert late["state"] == "waiting"
    page = (await web.get("/rooms/gala")).text
    assert "Gala" in page
    await change(web, sell_after_start=True)  # a museum, a three-day festival
    assert (await web.reserve("gala", booking, key="again")).status_code == 201

    async def called() -> bool:
        mine = await web.get("/v1/rooms/gala/places/me", headers=bearer(late["place_token"]))
        return bool(mine.json()["state"] == "called")

    await wait_until(called, "the call")


async def test_a_restored_room_knows_that_its_event_has_begun(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    await change(web, starts_at="2020-01-01T20:00:00Z")
    await stores.redis.flushdb()

    async def refused() -> bool:
        answer = await web.reserve("gala", booking)
        return answer.status_code == 409 and code(answer)[1] == "not_on_sale"

    await wait_until(refused, "the refusal")


@pytest.mark.parametrize("path", ["/v1/events", "/"])
async def test_lists_put_what_is_over_after_what_is_to_come(web: Web, path: str) -> None:
    for event_id, name, starts_at in (
        ("long-ago", "Alpha", "2001-01-01T20:00:00Z"),
        ("later", "Charlie", "2031-01-01T20:00:00Z"),
        ("soon", "Bravo", "2030-01-01T20:00:00Z"),
        ("lately", "Delta", "2020-01-01T20:00:00Z"),
    ):
        await web.event(event_id, name=name, starts_at=starts_at)
    text = (await web.get(path)).text
    at = {name: text.index(name) for name in ("Alpha", "Bravo", "Charlie", "Delta")}
    assert max(at["Bravo"], at["Charlie"]) < min(at["Alpha"], at["Delta"])
    if path != "/":
        assert sorted(at, key=lambda it: at[it]) == ["Bravo", "Charlie", "Delta", "Alpha"]


async def test_the_booking_page_of_an_event_that_has_begun_says_that_its_sale_ended(
    web: Web, worker: WorkerContext
) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    cookies = {
        "Cookie": "; ".join(
            f"fairgate_{kind}_gala={it['Authorization'].removeprefix('Bearer ')}"
            for kind, it in (("place", place), ("booking", booking))
        )
    }
    assert "Sale ended" not in (await web.get("/events/gala", headers=cookies)).text
    await change(web, starts_at="2020-01-01T20:00:00Z")
    assert "Sale ended" in (await web.get("/events/gala", headers=cookies)).text
