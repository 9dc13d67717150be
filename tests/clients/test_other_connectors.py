"""Apps and shops that were written for other waiting rooms, in front of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
from fairgate_gate import AsgiGate

from app.runtime.embedded_stores import free_port
from tests.clients.conftest import Product, program
from tests.clients.shops import _asgi_shop
from tests.clients.test_knownuser_connector import Browser
from tests.support.listening import listening
from tests.support.waiting import wait_until

JSON = {"Accept": "application/json"}


async def test_an_app_polls_its_own_address_in_json_until_the_shop_answers(product: Product) -> None:
    """It keeps cookies, follows redirects, waits `refreshIntervalSeconds`, and knows nothing of us."""
    await product.web.room("jsonline", admission_rate_per_minute=0, json_response_enabled=True)
    gate = AsgiGate(_asgi_shop, url=product.url, room="jsonline", timeout_s=20.0)
    async with listening(gate) as shop, httpx.AsyncClient(follow_redirects=True, timeout=20) as app:
        room = "/v1/rooms/jsonline"
        await product.staff("PATCH", room, {"target_url": f"{shop}/"})
        seen: list[dict[str, Any]] = []

        async def asked() -> httpx.Response:
            answer = await app.get(f"{shop}/api/items?page=2", headers=JSON)
            assert answer.status_code == 200, answer.text
            if answer.headers["content-type"] == "application/json":
                seen.append(answer.json()["cfWaitingRoom"])
            return answer

        async def number() -> int:
            place = await app.get(f"{product.url}{room}/places/me")
            return int(place.json()["queue_number"])

        await asked()
        first = await number()
        await asked()
        assert await number() == first
        for it in seen:
            assert it["inWaitingRoom"]
            assert 1 <= it["refreshIntervalSeconds"] <= 20
            assert (it["waitTimeKnown"], it["waitTime"], it["waitTimeFormatted"]) == (False, 0, "unavailable")
            assert it["lastUpdated"].endswith("Z")
            assert (it["queueAll"], it["queueIsFull"], it["isFIFOQueue"]) == (True, False, True)
        assert seen[0].keys() == FIELDS
        await product.staff("PATCH", room, {"admission_rate_per_minute": 6000})

        async def inside() -> bool:
            return (await asked()).text == "Shop GET /api/items?page=2"

        await wait_until(inside, "the turn", timeout_s=30)
        assert (await app.get(f"{shop}/api/next", headers=JSON)).text == "Shop GET /api/next"
        await gate.aclose()


async def test_a_shop_with_the_crowdhandler_sdk_goes_all_the_way_round(
    product: Product, http: httpx.AsyncClient
) -> None:
    """Newcomer, queue page, turn, second page, end; and a token of another room, a made-up one, none."""
    port, room = free_port(), "/v1/rooms/sdk"
    shop, api = f"http://127.0.0.1:{port}", f"{product.url}/ch/sdk"
    await product.web.room("sdk", target_url=f"{shop}/", admission_rate_per_minute=0)
    async with program("node", "tests/crowdhandler-shop.mjs", str(port), api, f"{product.url}/ch"):
        browser = Browser(http)
        wanted = f"{shop}/buy?sku=1&x=it%27s"
        sent = await browser.get(wanted)
        assert sent.headers["location"].startswith(f"{product.url}/ch/sdk?url=https%3A%2F%2F127.0.0.1%3A")
        queue_page = await browser.follow(await browser.follow(sent))
        assert queue_page.status_code == 200
        assert (await browser.get(wanted)).status_code == 302  # the SDK remembers who they are
        places = f"{product.url}{room}/places"
        cookie = "; ".join(f"{k}={v}" for k, v in browser.cookies[urlsplit(product.url).netloc].items())
        place = (await http.post(places, headers={"Cookie": cookie, "Origin": product.url})).json()
        bearer = {"Authorization": f"Bearer {place['place_token']}"}
        await product.staff("PATCH", room, {"admission_rate_per_minute": 6000})

        async def claimed() -> bool:
            return (await http.post(f"{places}/me/booking-token", headers=bearer)).status_code == 201

        await wait_until(claimed, "the turn", timeout_s=30)
        await product.staff("PATCH", room, {"admission_rate_per_minute": 0})
        back = await browser.get(str(queue_page.url).replace("/rooms/sdk?", "/rooms/sdk/go?"))
        assert "ch-requested=" in back.headers["location"]
        clean = await browser.follow(back)
        assert clean.headers["location"] == wanted.replace("http://", "https://")
        for path in ("/buy?sku=1&x=it%27s", "/second"):
            assert (await browser.get(shop + path)).text == f"Shop GET {path}"
        stranger = await Browser(http).get(f"{shop}/second")
        assert stranger.status_code == 302
        made_up = Browser(http)
        made_up.cookies[f"127.0.0.1:{port}"] = {"crowdhandler": "tok1AAAAAAAAAAAAAAAAAAAAAA.0.AAAA"}
        assert (await made_up.get(f"{shop}/second")).status_code == 302
        sid = f"{place['visitor_id']}-{place['queue_number']}"
        await product.staff("POST", f"{room}/sessions/{sid}/end")
        assert (await browser.get(f"{shop}/second")).status_code == 302


FIELDS = {
    "inWaitingRoom",
    "waitTime",
    "waitTimeKnown",
    "waitTimeFormatted",
    "waitTime25Percentile",
    "waitTime50Percentile",
    "waitTime75Percentile",
    "queueIsFull",
    "queueAll",
    "lastUpdated",
    "refreshIntervalSeconds",
    "queueingMethod",
    "isFIFOQueue",
    "isRandomQueue",
    "isPassthroughQueue",
    "isRejectQueue",
    "isEventActive",
    "isEventPrequeueing",
    "timeUntilEventStart",
    "timeUntilEventStartFormatted",
    "timeUntilEventEnd",
    "timeUntilEventEndFormatted",
    "shuffleAtEventStart",
}
