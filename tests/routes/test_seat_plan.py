"""Seats as staff change them while a sale is open: blocked, marked, added, placed; and what fans see."""

from __future__ import annotations

from typing import Any

from app.web.http.cookies import BOOKING_COOKIE
from tests.routes.conftest import Web, field_of
from tests.routes.test_console_pages import actions, sent, shown
from tests.routes.test_seats import a_hall
from worker.context import WorkerContext

PAGE = "/admin/rooms/gala/seats"


async def seat_rows(web: Web) -> list[dict[str, Any]]:
    """The rows of the first section, as they are now."""
    web.app.caches.seat_maps._found.clear()
    rows: list[dict[str, Any]] = (await web.get("/v1/events/gala/seats")).json()["sections"][0]["rows"]
    return rows


async def held(web: Web, seat: str) -> dict[str, str]:
    """Somebody holds this seat; their cookie."""
    _, booking = await web.inside("gala")
    headers = {**booking, "Idempotency-Key": "held"}
    answer = await web.post("/v1/events/gala/reservations", {"seat_ids": [seat]}, headers=headers)
    assert answer.status_code == 201, answer.text
    return {"cookie": f"{BOOKING_COOKIE}gala={booking['Authorization'].split()[1]}"}


async def test_seats_are_blocked_and_released_and_held_ones_are_left(web: Web, worker: WorkerContext) -> None:
    await a_hall(web)
    staff, operator = await web.staff("admin", "ada"), await web.staff("operator", "ann")
    at = {"section": "stalls", "rows": "A", "seats": "1-2, 5"}
    assert (await sent(web, f"{PAGE}/block", operator, **at)).status_code == 403
    assert (await sent(web, f"{PAGE}/block", staff, how="house", **at)).status_code == 303
    page = await shown(web, PAGE, staff)
    assert "Kept for the house" in page
    assert "1-2, 5" in page
    wrong = await sent(web, f"{PAGE}/block", staff, section="stalls", rows="Q", seats="")
    assert (wrong.status_code, "there is no row Q" in wrong.text) == (422, True)
    await held(web, "stalls-a-3")
    left = await sent(web, f"{PAGE}/block", staff, section="stalls", rows="a", seats="3-4")
    assert (left.status_code, "row A seat 3" in left.text) == (409, True)
    assert (await sent(web, f"{PAGE}/block", staff, how="on_sale", **at)).status_code == 303
    assert [it["states"] for it in await seat_rows(web)] == ["ffhbf", "fffff", "fffff"]
    on_map = (await web.get(f"{PAGE}/map.json", headers=staff)).json()["sections"][0]["rows"]
    assert [it["states"] for it in on_map] == ["ffhbf", "fffff", "fffff"]
    chosen = await sent(web, f"{PAGE}/map", staff, seat_ids="stalls-b-1 stalls-c-2", how="house")
    assert chosen.headers["location"] == f"{PAGE}/map?changed=2"
    left = await sent(web, f"{PAGE}/map", staff, seat_ids="stalls-a-3 stalls-b-1", how="blocked")
    assert (left.status_code, "row A seat 3. Changed: 1" in left.text) == (409, True)
    for wrong_ids in ("", "stalls-q-1", "no seat"):
        assert (await sent(web, f"{PAGE}/map", staff, seat_ids=wrong_ids)).status_code == 422
    assert (await sent(web, f"{PAGE}/map", operator, seat_ids="stalls-b-1")).status_code == 403
    back_again = {"seat_ids": "stalls-b-1 stalls-c-2", "how": "on_sale"}
    assert (await sent(web, f"{PAGE}/map", staff, **back_again)).status_code == 303
    body = {"seat_ids": ["stalls-a-4", "stalls-a-3"]}
    back = await web.post("/v1/events/gala/seats/release", body, headers=web.as_("admin"))
    assert back.json() == {"done": ["stalls-a-4"], "taken": ["stalls-a-3"]}
    assert (await actions(web, "ticket_type"))[:3] == ["change", "change", "change"]


async def test_a_section_grows_in_the_console(web: Web) -> None:
    await a_hall(web)
    staff = await web.staff("admin", "ada")
    grown = await sent(web, f"{PAGE}/grow", staff, section="stalls", rows="D-E", seats="1-3, 5")
    assert grown.status_code == 303, grown.text
    assert [it["states"] for it in await seat_rows(web)] == ["fffff", "fffff", "fffff", "fff-f", "fff-f"]
    assert (await web.get("/v1/events/gala/availability")).json()["ticket_types"][1]["free"] == 23
    wrong = await sent(web, f"{PAGE}/grow", staff, section="stalls", rows="F", seats="")
    assert (wrong.status_code, "such as 1-20" in wrong.text) == (422, True)


async def test_a_companion_seat_is_shown_and_sold_with_the_accessible_one(
    web: Web, worker: WorkerContext
) -> None:
    await a_hall(web)
    staff = await web.staff("admin", "ada")
    at = {"section": "stalls", "rows": "b", "seats": "2"}
    assert (await sent(web, f"{PAGE}/block", staff, how="companion", **at)).status_code == 303
    body = {"seat_ids": ["stalls-b-1"], "kind": "accessible"}
    made = await web.post("/v1/events/gala/seats/kind", body, headers=web.as_("admin"))
    assert made.status_code == 204
    assert [it.get("kinds") for it in await seat_rows(web)] == [None, "ac...", None]
    mine = await held(web, "stalls-a-3")
    page = (await web.get("/events/gala?section=stalls&row=b&accessible=on", headers=mine)).text
    assert page.count('name="seat"') == 2
    assert "Row B, seat 2, Companion seat" in page
    alone = {"seat": "stalls-b-2", "price.stalls": "7000"}
    refused = await web.send("POST", "/events/gala/reserve", data=alone, headers=mine)
    assert (refused.status_code, "goes with the accessible seat" in refused.text) == (409, True)


async def test_sections_are_placed_and_stand_there_for_fans_and_in_the_file(web: Web) -> None:
    await a_hall(web)
    staff, operator = await web.staff("admin", "ada"), await web.staff("operator", "ann")
    plan = f"{PAGE}/plan"
    assert "where it fits" in await shown(web, plan, operator)
    at = {"x-stalls": "12,5", "y-stalls": "-3", "turn-stalls": ""}
    assert (await sent(web, f"{plan}/save", operator, **at)).status_code == 403
    wrong = await sent(web, f"{plan}/save", staff, **at | {"y-stalls": "far"})
    assert (wrong.status_code, "must be a number" in wrong.text) == (422, True)
    assert (await sent(web, f"{plan}/save", staff, **at)).status_code == 303
    assert 'value="12.5"' in await shown(web, plan, staff)
    await seat_rows(web)
    [section] = (await web.get("/v1/events/gala/seats")).json()["sections"]
    assert section["plan"] == {"x": 12.5, "y": -3.0, "turn": 0}
    file = await web.get(f"{PAGE}.json", headers=staff)
    assert file.json()["sections"][0]["plan"] == section["plan"]
    drawn = (await web.get(f"{plan}.json", headers=operator)).json()["sections"][0]
    assert (drawn["plan"], drawn["rows"]) == (section["plan"], section["rows"])
    assert (await sent(web, f"{plan}/save", staff, do="automatic", **at)).status_code == 303
    read = await sent(web, f"{PAGE}/read", staff, file=file.text, price="", grow="on")
    assert read.status_code == 303, read.text
    assert 'value="12.5"' in await shown(web, plan, staff)
    body = {"sections": [{"ticket_type_id": "circle", "x": 1, "y": 1}]}
    unknown = await web.send("PUT", "/v1/events/gala/seats/plan", json=body, headers=web.as_("admin"))
    assert field_of(unknown) == "sections[0].ticket_type_id"
    body = {"sections": []}
    gone = await web.send("PUT", "/v1/events/gala/seats/plan", json=body, headers=web.as_("admin"))
    assert gone.status_code == 204
    assert (await actions(web, "ticket_type"))[0] == "change"
