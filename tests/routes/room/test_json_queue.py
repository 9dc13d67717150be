"""The queue page as requested by apps that support Cloudflare's waiting room."""

from __future__ import annotations

from typing import Any

import httpx

from tests.routes.conftest import Web, code

JSON = {"Accept": "application/json"}


def document_of(answer: httpx.Response) -> dict[str, Any]:
    """The document of a response that must not be cached."""
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    found: dict[str, Any] = answer.json()["cfWaitingRoom"]
    return found


def cookie(answer: httpx.Response) -> dict[str, str]:
    """What the app sends next time."""
    cookies = [it.partition(";")[0] for it in answer.headers.get_list("set-cookie")]
    return {**JSON, "Cookie": "; ".join(cookies)}


async def test_asking_is_joining_for_an_app_alone(web: Web) -> None:
    await web.room(admission_rate_per_minute=0, target_url="https://shop.example/")
    path = "/rooms/hall"
    first = await web.get(path, headers=JSON)
    assert document_of(first)["inWaitingRoom"]
    again = await web.get(path, headers=cookie(first))
    assert cookie(again) == cookie(first)
    for headers in (
        {"Accept": "text/html"},
        {"Accept": "application/json, text/html"},
        {**JSON, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty"},
    ):
        answer = await web.get(path, headers=headers)
        assert ("cfWaitingRoom" in answer.text) is (headers.get("Sec-Fetch-Site") == "cross-site")
    await web.send("HEAD", path, headers=JSON)
    assert (await web.join("hall"))["queue_number"] == 2
    evil = await web.get(f"{path}?return_to=https%3A%2F%2Fevil.example%2F", headers=cookie(first))
    assert document_of(evil)["inWaitingRoom"]
    for address, refused in (("/rooms/nowhere", (404, "room_not_found")), ("/rooms/%00", (404, "not_found"))):
        assert code(await web.get(address, headers=JSON)) == refused


async def test_without_a_crowd_it_leads_on_at_once(web: Web) -> None:
    await web.room(target_url="https://shop.example/")
    path = "/rooms/hall?return_to=https%3A%2F%2Fshop.example%2Fapi%3Fa%3Db"
    on = await web.get(path, headers=JSON)
    assert on.status_code == 302
    assert on.headers["location"].startswith("https://shop.example/api?a=b&fairgate_ticket=")
    again = await web.get(path, headers=cookie(on))
    assert again.status_code == 302


async def test_in_a_sale_of_ours_it_ends_with_a_booking_token(web: Web) -> None:
    await web.event()
    headers = JSON
    for _ in range(3):
        answer = await web.get("/rooms/gala", headers=headers)
        headers = cookie(answer)
    assert not document_of(answer)["inWaitingRoom"]
    assert "fairgate_booking_gala=" in headers["Cookie"]


async def test_what_it_is_told_of_a_room_that_takes_nobody(web: Web) -> None:
    later = {"prequeue_at": "2035-01-01T00:00:00Z", "opens_at": "2035-01-01T01:00:00Z"}
    await web.room(opened=False, **later)
    early = document_of(await web.get("/rooms/hall", headers=JSON))
    assert (early["isEventActive"], early["isEventPrequeueing"], early["queueAll"]) == (True, True, True)
    assert early["timeUntilEventStart"] > 1_000_000
    assert early["timeUntilEventStartFormatted"].endswith(" minutes")
    await web.room("over")
    await web.post("/v1/rooms/over/close", headers=web.as_("operator"))
    closed = await web.get("/rooms/over", headers=JSON)
    assert (document_of(closed)["queueIsFull"], document_of(closed)["refreshIntervalSeconds"]) == (True, 60)
    assert "set-cookie" not in closed.headers
