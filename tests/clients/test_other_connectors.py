"""Our queue with apps and shops written for other waiting rooms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from fairgate_gate import AsgiGate

from app.runtime.embedded_stores import free_port
from tests.clients.conftest import Product, program
from tests.clients.counter_queue import Client
from tests.clients.shops import _asgi_shop
from tests.clients.test_knownuser_connector import Browser
from tests.support.app_server import serve_app
from tests.support.http import plain_client
from tests.support.tampering import tampered
from tests.support.waiting import wait_until

JSON = {"Accept": "application/json"}


async def test_an_app_polls_its_own_address_in_json_until_the_shop_answers(product: Product) -> None:
    """It keeps cookies, follows redirects, waits `refreshIntervalSeconds`, and knows nothing of us."""
    await product.web.room("jsonline", admission_rate_per_minute=0, json_response_enabled=True)
    gate = AsgiGate(_asgi_shop, url=product.url, room="jsonline", timeout_s=20.0)
    async with serve_app(gate) as shop, plain_client(follow_redirects=True, timeout=20) as app:
        room = "/v1/rooms/jsonline"
        await product.staff("PATCH", room, {"target_url": f"{shop}/"})
        documents: list[dict[str, Any]] = []

        async def poll() -> httpx.Response:
            answer = await app.get(f"{shop}/api/items?page=2", headers=JSON)
            assert answer.status_code == 200, answer.text
            if answer.headers["content-type"] == "application/json":
                documents.append(answer.json()["cfWaitingRoom"])
            return answer

        async def number() -> int:
            place = await app.get(f"{product.url}{room}/places/me")
            return int(place.json()["queue_number"])

        await poll()
        first = await number()
        await poll()
        assert await number() == first
        for it in documents:
            assert it["inWaitingRoom"]
            assert 1 <= it["refreshIntervalSeconds"] <= 20
            assert (it["waitTimeKnown"], it["waitTime"], it["waitTimeFormatted"]) == (False, 0, "unavailable")
            assert datetime.strptime(it["lastUpdated"], "%Y-%m-%dT%H:%M:%S.%fZ")
            assert len(it["lastUpdated"]) == len("2021-08-03T23:46:00.000Z")
            assert (it["queueAll"], it["queueIsFull"], it["isFIFOQueue"]) == (True, False, True)
        assert documents[0].keys() == FIELDS
        await product.staff("PATCH", room, {"admission_rate_per_minute": 6000})

        async def inside() -> bool:
            return (await poll()).text == "Shop GET /api/items?page=2"

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


async def test_a_client_of_counters_gets_its_tokens(product: Product, http: httpx.AsyncClient) -> None:
    """Modelled on the sample of AWS's Virtual Waiting Room, whose inlet strategy sets the pace."""
    await product.web.room("counters", admission_rate_per_minute=0, active_visitors_max=None)
    inlet = {"name": "inlet", "role": "operator", "scopes": ["rooms:write"]}
    made = await product.web.post("/v1/keys", inlet, headers=product.web.as_("admin"))
    base = f"{product.url}/v1/rooms/counters/vwr"
    key = {"Authorization": f"Bearer {made.json()['key']}"}
    ann, bob = (Client(http, f"{base}/public", f"{base}/private", "counters", key) for _ in "ab")
    await ann.enter()
    await bob.enter()
    assert (await ann.number(), await bob.number()) == (1, 2)
    assert (await ann.token()).status_code == 202

    async def counted() -> bool:
        return await ann.counter("waiting_num", "waiting_num") == 2

    await wait_until(counted, "the counters", timeout_s=30)
    assert await ann.counter("serving_num", "serving_counter") == 0
    for refused in (
        await http.post(f"{base}/private/reset_initial_state", json={"event_id": "counters"}),
        await ann.staff("increment_serving_counter", increment_by=-1),
    ):
        assert refused.status_code in (401, 422)
    assert (await ann.staff("increment_serving_counter", increment_by=1)).json() == {"serving_num": 1}
    tokens = await ann.token()
    assert tokens.status_code == 200
    claims = await ann.verified(tokens.json())
    assert (claims["sub"], claims["queue_position"]) == (ann.request_id, 1)
    assert claims["exp"] - claims["iat"] == 600
    assert 0 < tokens.json()["expires_in"] <= 600
    assert await ann.verified(tokens.json(), "id")
    again = await ann.token()
    assert again.json()["access_token"] == tokens.json()["access_token"]
    await _opens_nothing_of_ours(product, http, tokens.json()["access_token"])
    assert (await bob.token()).status_code == 202
    await _no_other_id_is_taken(bob)
    assert (await ann.staff("reset_initial_state")).json() == {"message": "Reset completed"}
    assert (await ann.token()).status_code == 404
    await bob.enter()
    assert await bob.number() == 1


async def _opens_nothing_of_ours(product: Product, http: httpx.AsyncClient, token: str) -> None:
    for path in ("/v1/rooms/counters/stats", "/v1/rooms/counters/gate"):
        answer = await http.get(product.url + path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, path


async def _no_other_id_is_taken(client: Client) -> None:
    for wrong in ({"event_id": "other"}, {"request_id": tampered(client.request_id)}):
        body = {"event_id": "counters", "request_id": client.request_id, **wrong}
        refusal = await client.http.post(f"{client.public}/generate_token", json=body)
        assert (refusal.status_code, refusal.json()["error"][:7]) == (400, "Invalid")


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
