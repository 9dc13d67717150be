"""When ticket types are on sale: set by staff, shown to everybody, enforced where the stock is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.routes.conftest import Web, code, field_of
from tests.support.waiting import wait_until

TYPES = "/v1/events/gala/ticket-types"
FLOOR = f"{TYPES}/floor"
LONG_AGO, LATER = "2020-01-01T00:00:00Z", "2999-12-31T23:00:00Z"


async def set_window(web: Web, sale_from: str | None = None, sale_until: str | None = None) -> dict[str, Any]:
    """Put the floor on sale between these times."""
    body = {"sale_from": sale_from, "sale_until": sale_until}
    answer = await web.send("PATCH", FLOOR, json=body, headers=web.as_("admin"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_outside_its_window_nothing_is_sold(web: Web, worker: object) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    await set_window(web, LATER)
    early = await web.reserve("gala", booking, key="early")
    assert code(early) == (409, "not_on_sale")
    assert early.json()["detail"] == f"items[0].ticket_type_id: floor is on sale from {LATER}."
    await set_window(web, None, LONG_AGO)
    late = await web.reserve("gala", booking, key="late")
    assert code(late) == (409, "not_on_sale")
    assert late.json()["detail"] == f"items[0].ticket_type_id: floor was on sale until {LONG_AGO}."
    again = await web.reserve("gala", booking, key="late")
    assert (again.json()["detail"], again.headers["idempotent-replay"]) == (late.json()["detail"], "true")
    await set_window(web, LONG_AGO, LATER)
    assert (await web.reserve("gala", booking, key="now")).status_code == 201


async def test_all_or_nothing_when_one_of_two_is_not_on_sale(web: Web, worker: object) -> None:
    await web.event()
    soon = {"ticket_type_id": "soon", "name": "Soon", "price": 1, "quantity": 5, "sale_from": LATER}
    assert (await web.post(TYPES, soon, headers=web.as_("admin"))).json()["sale_from"] == LATER
    _, booking = await web.inside("gala")
    items = [{"ticket_type_id": name, "quantity": 1} for name in ("floor", "soon")]
    headers = {**booking, "Idempotency-Key": "both"}
    refused = await web.post("/v1/events/gala/reservations", {"items": items}, headers=headers)
    assert code(refused) == (409, "not_on_sale")
    assert refused.json()["detail"].startswith("items[1].ticket_type_id: soon ")
    shown = (await web.get("/v1/events/gala/availability")).json()["ticket_types"]
    assert [(it["free"], it["sale_from"], it["sale_until"]) for it in shown] == [
        (10, None, None),
        (5, LATER, None),
    ]


async def test_a_hold_taken_inside_the_window_is_paid_after_it(web: Web, worker: object) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking, 2)).json()
    await set_window(web, LONG_AGO, LONG_AGO.replace("2020", "2021"))
    path = f"/v1/reservations/{held['reservation_id']}/confirm"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(path, body, headers={**place, "Idempotency-Key": "pay"})
    assert (paid.status_code, paid.json()["amount"]) == (200, held["amount"])


async def test_a_sale_begins_by_itself(web: Web, worker: object) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    begins = datetime.now(UTC) + timedelta(seconds=1)
    await set_window(web, begins.isoformat())
    assert code(await web.reserve("gala", booking, key="first")) == (409, "not_on_sale")
    tries = iter(range(1000))

    async def sold() -> httpx.Response | None:
        answer = await web.reserve("gala", booking, key=f"try{next(tries)}")
        return answer if answer.status_code == 201 else None

    answer = await wait_until(sold, "the sale")
    assert answer is not None
    assert datetime.fromisoformat(answer.json()["created_at"]) >= begins.replace(microsecond=0)


async def test_nobody_is_called_in_for_tickets_that_are_not_on_sale(web: Web, worker: object) -> None:
    await web.event(opened=False)
    await set_window(web, LATER)
    await web.post("/v1/rooms/gala/open", headers=web.as_("operator"))
    place = await web.join("gala")
    assert place["state"] == "waiting"
    await set_window(web)
    headers = {"Authorization": f"Bearer {place['place_token']}"}

    async def called() -> bool:
        return bool((await web.get("/v1/rooms/gala/places/me", headers=headers)).json()["state"] == "called")

    await wait_until(called, "the call")


async def test_seats_have_windows_too(web: Web, worker: object) -> None:
    await web.event()
    section = {"name": "Stalls", "price": 100, "rows": 2, "seats_per_row": 3, "sale_from": LATER}
    made = await web.post("/v1/events/gala/seats", {"sections": [section]}, headers=web.as_("admin"))
    assert made.json()["ticket_types"][0]["sale_from"] == LATER
    [shown] = (await web.get("/v1/events/gala/seats")).json()["sections"]
    assert shown["sale_from"] == LATER
    _, booking = await web.inside("gala")
    for body, field in (
        ({"seat_ids": ["stalls-a-1"]}, "seat_ids[0]"),
        ({"best_available": {"ticket_type_id": "stalls", "quantity": 2}}, "best_available.ticket_type_id"),
    ):
        headers = {**booking, "Idempotency-Key": field}
        refused = await web.post("/v1/events/gala/reservations", body, headers=headers)
        assert code(refused) == (409, "not_on_sale")
        assert refused.json()["detail"].startswith(f"{field}: stalls is on sale from ")


@pytest.mark.parametrize("until", [LONG_AGO, LATER])
async def test_a_sale_ends_after_it_began(web: Web, until: str) -> None:
    await web.event()
    new = {"ticket_type_id": "vip", "name": "Vip", "price": 1, "quantity": 1}
    window = {"sale_from": LATER, "sale_until": until}
    assert field_of(await web.post(TYPES, {**new, **window}, headers=web.as_("admin"))) == "sale_until"
    section = {"name": "Stalls", "price": 100, "rows": 2, "seats_per_row": 3, **window}
    answer = await web.post("/v1/events/gala/seats", {"sections": [section]}, headers=web.as_("admin"))
    assert field_of(answer) == "sections[0].sale_until"
    await set_window(web, LATER)
    half = await web.send("PATCH", FLOOR, json={"sale_until": until}, headers=web.as_("admin"))
    assert field_of(half) == "sale_until"
    unchanged = (await web.get("/v1/events/gala")).json()["ticket_types"][0]
    assert (unchanged["sale_from"], unchanged["sale_until"]) == (LATER, None)


async def test_the_booking_page_tells_when(web: Web) -> None:
    await web.event()
    await set_window(web, LATER)
    assert "On sale from" in (await web.get("/events/gala")).text
    await set_window(web, None, LONG_AGO)
    assert "Sale ended" in (await web.get("/events/gala")).text
    await set_window(web)
    page = (await web.get("/events/gala")).text
    assert "On sale from" not in page
    assert "Sale ended" not in page
