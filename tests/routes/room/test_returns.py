"""The returns queue over HTTP: waiting visitors keep their place and are offered returned tickets."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.routes.conftest import Web, bearer, code, field_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("worker")

PATH = "/v1/rooms/gala/places/me"


async def sold_out(web: Web, *waiting: dict[str, Any]) -> tuple[dict[str, str], str, list[dict[str, Any]]]:
    """Four tickets, all bought by one visitor; behind them, visitors who joined with these bodies."""
    await web.event(floor=4)
    place, booking = await web.inside("gala")
    held = await web.reserve("gala", booking, 4)
    assert held.status_code == 201, held.text
    line = [await web.join("gala", json=body) for body in waiting]
    reservation = f"/v1/reservations/{held.json()['reservation_id']}"
    payment = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"{reservation}/confirm", payment, headers={**booking, "Idempotency-Key": "pay"})
    assert paid.status_code in (200, 202), paid.text

    async def gone() -> bool:
        return bool((await web.get("/v1/rooms/gala")).json()["state"] == "sold_out")

    await wait_until(gone, "the room to be sold out")
    return place, reservation, line


async def stands(web: Web, place: dict[str, Any], state: str) -> dict[str, Any]:
    """Wait until these are their places."""

    async def place_if_reached() -> dict[str, Any] | None:
        found: dict[str, Any] = (await web.get(PATH, headers=bearer(place["place_token"]))).json()
        return found if found["state"] == state else None

    found = await wait_until(place_if_reached, f"the place to be {state}")
    assert found is not None
    return found


async def test_what_is_cancelled_is_offered_to_the_line_and_a_newcomer_is_refused(web: Web) -> None:
    buyer, reservation, (first, second) = await sold_out(web, {}, {})
    assert (await stands(web, second, "waiting"))["queue_position"] == 2
    assert code(await web.post("/v1/rooms/gala/places")) == (409, "room_sold_out")
    late = await web.post("/v1/rooms/gala/places", {"returns": True})
    assert (late.status_code, late.json()["queue_position"]) == (201, 3)
    assert (await web.post(f"{reservation}/cancel", headers=buyer)).status_code == 200
    called = await stands(web, first, "called")
    assert called["claim_by"]


async def test_the_first_for_whom_enough_is_free_is_called(web: Web) -> None:
    buyer, reservation, (many, one) = await sold_out(web, {"quantity": 10}, {"quantity": 1})
    assert many["quantity"] == 10
    await web.post(f"{reservation}/cancel", headers=buyer)
    await stands(web, one, "called")
    passed = await stands(web, many, "waiting")
    assert (passed["queue_position"], passed["queue_number"]) == (1, many["queue_number"])
    fewer = await web.send("PATCH", PATH, json={"quantity": 3}, headers=bearer(many["place_token"]))
    assert (fewer.status_code, fewer.json()["quantity"]) == (200, 3)
    assert (await stands(web, many, "called"))["quantity"] == 3


async def test_a_wish_lasts_until_the_first_reservation(web: Web) -> None:
    await web.event(floor=4)
    place = bearer((await web.join("gala", json={"quantity": 3}))["place_token"])
    claimed = await web.post(f"{PATH}/booking-token", headers=place)
    booking = bearer(claimed.json()["booking_token"])
    assert (await web.get(PATH, headers=place)).json()["quantity"] == 3
    assert (await web.reserve("gala", booking, 1)).status_code == 201
    assert (await web.get(PATH, headers=place)).json()["quantity"] == 1


async def test_the_status_document_says_how_many_are_held(web: Web) -> None:
    await web.event(floor=4)
    _, booking = await web.inside("gala")
    await web.reserve("gala", booking, 3)

    async def held() -> bool:
        document = (await web.get("/v1/rooms/gala")).json()
        return (document["available"], document["held"]) == (1, 3)

    await wait_until(held, "the event about the hold")


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"quantity": 0}, 422, "validation_failed"),
        ({"quantity": 101}, 422, "validation_failed"),
        ({"quantity": "two"}, 422, "validation_failed"),
        ({}, 422, "validation_failed"),
        ({"quantity": 11}, 422, "limit_exceeded"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_and_changes_nothing(
    web: Web, body: dict[str, Any], status: int, expected: str
) -> None:
    _, _, (place,) = await sold_out(web, {"quantity": 2})
    me = bearer(place["place_token"])
    refused = await web.send("PATCH", PATH, json=body, headers=me)
    assert code(refused) == (status, expected)
    if expected == "validation_failed":
        assert field_of(refused) == "quantity"
    assert (await web.get(PATH, headers=me)).json()["quantity"] == 2


async def test_joining_for_more_than_a_visitor_may_have_makes_no_place(web: Web) -> None:
    await web.event(floor=4, max_tickets_per_visitor=2)
    refused = await web.post("/v1/rooms/gala/places", {"quantity": 3})
    assert code(refused) == (422, "limit_exceeded")
    assert (await web.join("gala"))["queue_number"] == 1


async def test_whose_turn_it_is_cannot_want_otherwise(web: Web) -> None:
    await web.event(floor=4)
    called = await web.join("gala")

    async def change(headers: dict[str, str]) -> httpx.Response:
        return await web.send("PATCH", PATH, json={"quantity": 2}, headers=headers)

    assert code(await change(bearer(called["place_token"]))) == (409, "conflict")
    await web.send("DELETE", PATH, headers=bearer(called["place_token"]))
    assert code(await change(bearer(called["place_token"]))) == (410, "left")
