"""Apps and shops that were written for other waiting rooms, in front of ours."""

from __future__ import annotations

from typing import Any

import httpx
from fairgate_gate import AsgiGate

from tests.clients.conftest import Product
from tests.clients.shops import _asgi_shop
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
