"""A room with `exact_within`: far from the front, a place is derived from its token."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from app.core.model import RoomId
from app.core.tokens.place_tokens import new_visitor_id
from app.store.keys import RoomKeys
from app.waiting_room import queue
from app.waiting_room.joining import Joiner
from tests.routes.conftest import Web, bearer, code

FAR = 1_000
KEYS = RoomKeys(RoomId("hall"))


async def crowd(web: Web, **settings: Any) -> dict[str, Any]:
    """A room that calls one per minute, so crowded that the last to join is far from the front."""
    await web.room(admission_rate_per_minute=1, **settings)
    joins = [queue.join(web.app.queues, RoomId("hall"), Joiner(new_visitor_id())) for _ in range(FAR + 1)]
    await asyncio.gather(*joins)
    return await web.join("hall")


async def mine(web: Web, place: dict[str, Any]) -> dict[str, Any]:
    answer = await web.get("/v1/rooms/hall/places/me", headers=bearer(place["place_token"]))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def place_cookie(answer: httpx.Response) -> dict[str, str]:
    """The place cookie set by a response."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


async def test_far_from_the_front_a_place_is_an_upper_bound_and_asked_for_within_the_hour(web: Web) -> None:
    place = await crowd(web, exact_within=FAR)
    assert "about" not in place  # a join always knows
    away = await web.http.get("/v1/rooms/hall")
    assert away.json()["serving_position"] == 1
    found = await mine(web, place)
    assert found["about"] is True
    assert (found["state"], found["queue_number"], found["queue_position"]) == ("waiting", FAR + 2, FAR + 1)
    assert found["place_token"] == place["place_token"]
    assert 2_160 <= found["poll_after_s"] <= 3_600
    assert found["wait_s"]["p50"] > 3_600


async def test_near_the_front_it_is_exact(web: Web) -> None:
    place = await crowd(web, exact_within=FAR + 1)
    redis: Any = web.app.stores.redis
    (first,) = await redis.zrange(KEYS.waiting, 0, 0)
    await redis.zrem(KEYS.waiting, first)  # somebody ahead has left
    found = await mine(web, place)
    assert "about" not in found
    assert found["queue_position"] == FAR
    assert found["poll_after_s"] <= 750


async def test_without_it_every_place_is_exact(web: Web) -> None:
    found = await mine(web, await crowd(web))
    assert "about" not in found
    assert found["queue_position"] == FAR + 1


async def test_whoever_has_left_is_not_shown_in_the_queue(web: Web) -> None:
    await crowd(web, exact_within=FAR)
    cookie = place_cookie(await web.post("/v1/rooms/hall/places"))
    assert (await web.get("/v1/rooms/hall/places/me", headers=cookie)).json()["about"] is True
    answer = await web.send("DELETE", "/v1/rooms/hall/places/me", headers=cookie)
    assert answer.status_code == 204
    assert (await web.get("/v1/rooms/hall/places/me", headers=place_cookie(answer))).json()["state"] == "left"


async def test_whoever_leaves_by_the_page_is_not_shown_in_the_queue(web: Web) -> None:
    await crowd(web, exact_within=FAR)
    cookie = place_cookie(await web.post("/v1/rooms/hall/places"))
    ours = {"Origin": "http://fairgate.test", **cookie}
    answer = await web.post("/rooms/hall/leave", headers=ours)
    assert answer.status_code == 303
    again = await web.get("/rooms/hall", headers={"Accept": "text/html", **place_cookie(answer)})
    assert 'data-shown="left"' in again.text


async def test_lanes_have_no_one_front(web: Web) -> None:
    lanes = [{"name": "Club", "share": 20}]
    body = {"room_id": "hall", "name": "The Hall", "lanes": lanes, "exact_within": FAR}
    refused = await web.post("/v1/rooms", body, headers=web.as_("operator"))
    assert code(refused) == (422, "validation_failed")
    assert refused.json()["errors"][0]["field"] == "exact_within"
