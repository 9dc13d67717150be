"""What a shop using CrowdHandler's SDK may ask, and what its visitors may not."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from app.core.model import RoomId
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, served

ROOM = RoomId("hall")
API = "/ch/hall/v1/requests/"
SHOP: dict[str, Any] = {"target_url": "https://shop.example/", "admission_rate_per_minute": 0}
SDK = {"Accept": "application/json, text/plain, */*", "X-Api-Key": "any"}


def result(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["result"]
    assert (found["status"], found["slug"]) == (200, "hall")
    return found


async def test_a_token_is_ours_or_a_new_one(web: Web) -> None:
    await web.room(**SHOP)
    await web.room("other", **SHOP)
    first = result(await web.post(API, {"url": "https://shop.example/", "userId": 7}, headers=SDK))
    assert first["promoted"] == 0
    assert result(await web.get(API + first["token"], headers=SDK))["token"] == first["token"]
    others = (await web.post("/ch/other/v1/requests/", {}, headers=SDK)).json()["result"]["token"]
    for token in (others, first["token"][:-1], "tok1", "tok0A.0.B", "x"):
        assert result(await web.get(API + token, headers=SDK))["token"] not in (token, first["token"])
    for body in (b"{", b'"text"', b"[]", b""):
        answer = await web.send("POST", API, content=body, headers=SDK)
        assert answer.status_code == (400 if body == b"{" else 200), body
    assert (await web.post("/ch/nowhere/v1/requests/", {}, headers=SDK)).status_code == 404
    await web.send("PATCH", "/v1/rooms/hall", json={"gate_mode": "off"}, headers=web.as_("operator"))
    assert result(await web.post(API, {}, headers=SDK))["promoted"] == 1


async def test_the_way_to_the_queue_page_leads_to_the_shop_alone(web: Web) -> None:
    await web.room(**SHOP)
    token = result(await web.post(API, {}, headers=SDK))["token"]

    async def sent(url: str, token: str = token, **headers: str) -> httpx.Response:
        return await web.get(f"/ch/hall?url={quote(url, safe='')}&ch-id={token}", headers=headers)

    to = await sent("https://shop.example/buy?a=1&ch-id=old&ch-code=x#top")
    query = parse_qs(urlsplit(to.headers["location"]).query)
    assert query == {"return_to": [f"https://shop.example/buy?a=1&ch-id={token}#top"]}
    assert "fairgate_place_hall=" in to.headers["set-cookie"]
    for evil in (
        "https://evil.example/",
        "javascript:alert(1)",
        "//evil.example",
        "https://shop.example\r\nX: y",
    ):
        assert (await sent(evil)).headers["location"] == "/rooms/hall", evil
    place = await web.join("hall")
    known = {"Cookie": f"fairgate_place_hall={place['place_token']}"}
    for headers in (known, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}):
        assert "set-cookie" not in (await sent("https://shop.example/", **headers)).headers
    assert "set-cookie" not in (await sent("https://shop.example/", "tok1made.0.up")).headers


async def test_the_shop_says_where_a_visitor_is_if_it_is_a_proxy_of_ours(
    stores: Stores, settings: Settings
) -> None:
    for trusted, expected in (["127.0.0.1"], "203.0.113.9"), ([], "127.0.0.1"):
        changed = settings.model_copy(update={"rate_limits": True, "trusted_proxies": trusted})
        async with served(changed) as web:
            if trusted:
                await web.room(**SHOP)
            made = result(await web.post(API, {"ip": "203.0.113.9"}, headers=SDK))["token"]
            found = web.app.places.read_request_id(ROOM, made.removeprefix("tok1"))
            assert found is not None
            assert found[0][22:] == web.app.places.network(ROOM, expected)
