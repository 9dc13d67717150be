"""Seats that staff change while a sale is open: blocked, marked, added, placed; and what fans see."""

from __future__ import annotations

from typing import Any

from app.core.model import EventId
from app.reservations import consistency
from app.store.connections import Stores
from app.web.http.cookies import BOOKING_COOKIE
from tests.contract.world import PAYMENT
from tests.routes.conftest import Web, field_of
from tests.routes.sale.test_seats import a_hall
from tests.routes.test_console_pages import actions, fetch, submit
from worker.context import WorkerContext

PAGE = "/admin/rooms/gala/seats"
RESERVE, SEATS = "/v1/events/gala/reservations", "/v1/events/gala/seats"


async def seat_rows(web: Web) -> list[dict[str, Any]]:
    """The current rows of the first section."""
    web.app.caches.seat_maps._found.clear()
    rows: list[dict[str, Any]] = (await web.get("/v1/events/gala/seats")).json()["sections"][0]["rows"]
    return rows


async def held(web: Web, seat: str) -> dict[str, str]:
    """Somebody holds this seat; returns their cookie."""
    _, booking = await web.inside("gala")
    headers = {**booking, "Idempotency-Key": "held"}
    answer = await web.post("/v1/events/gala/reservations", {"seat_ids": [seat]}, headers=headers)
    assert answer.status_code == 201, answer.text
    return {"cookie": f"{BOOKING_COOKIE}gala={booking['Authorization'].split()[1]}"}


async def held_by_somebody(web: Web, *seats: str) -> tuple[dict[str, str], str]:
    """A new visitor holds these seats: their place, and the address of the reservation."""
    place, booking = await web.inside("gala")
    headers = {**booking, "Idempotency-Key": "seats"}
    answer = await web.post(RESERVE, {"seat_ids": list(seats)}, headers=headers)
    return place, f"/v1/reservations/{answer.json()['reservation_id']}"


async def bought(web: Web, order: str, place: dict[str, str]) -> list[dict[str, str]]:
    """Pay for this reservation and return its tickets."""
    paid = await web.post(f"{order}/confirm", PAYMENT, headers={**place, "Idempotency-Key": "pay"})
    assert paid.json()["status"] == "confirmed", paid.text
    tickets: list[dict[str, str]] = paid.json()["tickets"]
    return tickets


async def test_seats_are_blocked_and_released_and_held_ones_are_left(web: Web, worker: WorkerContext) -> None:
    await a_hall(web)
    staff, operator = await web.staff("admin", "ada"), await web.staff("operator", "ann")
    at = {"section": "stalls", "rows": "A", "seats": "1-2, 5"}
    assert (await submit(web, f"{PAGE}/block", operator, **at)).status_code == 403
    assert (await submit(web, f"{PAGE}/block", staff, how="house", **at)).status_code == 303
    page = await fetch(web, PAGE, staff)
    assert "Kept for the house" in page
    assert "1-2, 5" in page
    wrong = await submit(web, f"{PAGE}/block", staff, section="stalls", rows="Q", seats="")
    assert (wrong.status_code, "there is no row Q" in wrong.text) == (422, True)
    await held(web, "stalls-a-3")
    answer = await submit(web, f"{PAGE}/block", staff, section="stalls", rows="a", seats="3-4")
    assert (answer.status_code, "row A seat 3" in answer.text) == (409, True)
    assert (await submit(web, f"{PAGE}/block", staff, how="on_sale", **at)).status_code == 303
    assert [it["states"] for it in await seat_rows(web)] == ["ffhbf", "fffff", "fffff"]
    on_map = (await web.get(f"{PAGE}/map.json", headers=staff)).json()["sections"][0]["rows"]
    assert [it["states"] for it in on_map] == ["ffhbf", "fffff", "fffff"]
    chosen = await submit(web, f"{PAGE}/map", staff, seat_ids="stalls-b-1 stalls-c-2", how="house")
    assert chosen.headers["location"] == f"{PAGE}/map?changed=2"
    answer = await submit(web, f"{PAGE}/map", staff, seat_ids="stalls-a-3 stalls-b-1", how="blocked")
    assert (answer.status_code, "row A seat 3. Changed: 1" in answer.text) == (409, True)
    for wrong_ids in ("", "stalls-q-1", "no seat"):
        assert (await submit(web, f"{PAGE}/map", staff, seat_ids=wrong_ids)).status_code == 422
    assert (await submit(web, f"{PAGE}/map", operator, seat_ids="stalls-b-1")).status_code == 403
    back_again = {"seat_ids": "stalls-b-1 stalls-c-2", "how": "on_sale"}
    assert (await submit(web, f"{PAGE}/map", staff, **back_again)).status_code == 303
    body = {"seat_ids": ["stalls-a-4", "stalls-a-3"]}
    back = await web.post("/v1/events/gala/seats/release", body, headers=web.as_("admin"))
    assert back.json() == {"done": ["stalls-a-4"], "taken": ["stalls-a-3"]}
    assert (await actions(web, "ticket_type"))[:3] == ["change", "change", "change"]


async def test_a_section_grows_in_the_console(web: Web) -> None:
    await a_hall(web)
    staff = await web.staff("admin", "ada")
    grown = await submit(web, f"{PAGE}/grow", staff, section="stalls", rows="D-E", seats="1-3, 5")
    assert grown.status_code == 303, grown.text
    assert [it["states"] for it in await seat_rows(web)] == ["fffff", "fffff", "fffff", "fff-f", "fff-f"]
    assert (await web.get("/v1/events/gala/availability")).json()["ticket_types"][1]["free"] == 23
    wrong = await submit(web, f"{PAGE}/grow", staff, section="stalls", rows="F", seats="")
    assert (wrong.status_code, "such as 1-20" in wrong.text) == (422, True)


async def test_a_companion_seat_is_shown_and_sold_with_the_accessible_one(
    web: Web, worker: WorkerContext
) -> None:
    await a_hall(web)
    staff = await web.staff("admin", "ada")
    at = {"section": "stalls", "rows": "b", "seats": "2"}
    assert (await submit(web, f"{PAGE}/block", staff, how="companion", **at)).status_code == 303
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
    place, order = await held_by_somebody(web, "stalls-b-1", "stalls-b-2")
    ids = {it["seat_id"]: it["ticket_id"] for it in await bought(web, order, place)}
    path, by = order.replace("reservations", "orders") + "/refunds", web.as_("admin")
    one = await web.post(path, {"ticket_ids": [ids["stalls-b-1"]]}, headers={**by, "Idempotency-Key": "1"})
    assert (field_of(one), "row B seat 2" in one.text) == ("ticket_ids", True), one.text
    other = await web.post(path, {"ticket_ids": [ids["stalls-b-2"]]}, headers={**by, "Idempotency-Key": "2"})
    assert other.status_code == 201, other.text
    last = await web.post(path, {"ticket_ids": [ids["stalls-b-1"]]}, headers={**by, "Idempotency-Key": "3"})
    assert last.status_code == 201, last.text


async def test_sections_are_placed_and_stand_there_for_fans_and_in_the_file(web: Web) -> None:
    await a_hall(web)
    staff, operator = await web.staff("admin", "ada"), await web.staff("operator", "ann")
    plan = f"{PAGE}/plan"
    assert "where it fits" in await fetch(web, plan, operator)
    at = {"x-stalls": "12,5", "y-stalls": "-3", "turn-stalls": ""}
    assert (await submit(web, f"{plan}/save", operator, **at)).status_code == 403
    wrong = await submit(web, f"{plan}/save", staff, **at | {"y-stalls": "far"})
    assert (wrong.status_code, "must be a number" in wrong.text) == (422, True)
    assert (await submit(web, f"{plan}/save", staff, **at)).status_code == 303
    assert 'value="12.5"' in await fetch(web, plan, staff)
    await seat_rows(web)
    [section] = (await web.get("/v1/events/gala/seats")).json()["sections"]
    assert section["plan"] == {"x": 12.5, "y": -3.0, "turn": 0}
    file = await web.get(f"{PAGE}.json", headers=staff)
    assert file.json()["sections"][0]["plan"] == section["plan"]
    drawn = (await web.get(f"{plan}.json", headers=operator)).json()["sections"][0]
    assert (drawn["plan"], drawn["rows"]) == (section["plan"], section["rows"])
    assert (await submit(web, f"{plan}/save", staff, do="automatic", **at)).status_code == 303
    read = await submit(web, f"{PAGE}/read", staff, file=file.text, price="", grow="on")
    assert read.status_code == 303, read.text
    assert 'value="12.5"' in await fetch(web, plan, staff)
    body = {"sections": [{"ticket_type_id": "circle", "x": 1, "y": 1}]}
    unknown = await web.send("PUT", "/v1/events/gala/seats/plan", json=body, headers=web.as_("admin"))
    assert field_of(unknown) == "sections[0].ticket_type_id"
    body = {"sections": []}
    answer = await web.send("PUT", "/v1/events/gala/seats/plan", json=body, headers=web.as_("admin"))
    assert answer.status_code == 204
    assert (await actions(web, "ticket_type"))[0] == "change"


async def test_rows_and_seats_get_other_names_also_on_sold_tickets(
    web: Web, worker: WorkerContext, stores: Stores
) -> None:
    await a_hall(web)  # three rows of five
    staff, page = await web.staff("admin", "ada"), f"{PAGE}/names"
    place, order = await held_by_somebody(web, "stalls-a-1", "stalls-b-2")
    assert (await submit(web, f"{PAGE}/map", staff, seat_ids="stalls-c-5")).status_code == 303
    names = {"section": "stalls", "row-0": "B", "row-1": "A", "row-2": "K"}
    names |= {"seats-0": "5-1", "seats-1": "1-5", "seats-2": "11-14, 15x"}
    running = await submit(web, page, staff, **names)
    assert (running.status_code, "Pause the sale first" in running.text) == (409, True)
    assert (await web.post("/v1/rooms/gala/pause", headers=web.as_("operator"))).status_code == 200
    refused = await submit(web, page, staff, **names)
    assert (refused.status_code, "Seats of this section are held" in refused.text) == (409, True)
    codes = {it["seat_id"]: it["code"] for it in await bought(web, order, place)}
    for wrong in ({"row-1": "B"}, {"seats-0": "1-4"}, {"seats-2": "1, 1, 2, 3, 4"}, {"row-2": "a-b"}):
        assert (await submit(web, page, staff, **names | wrong)).status_code == 422, wrong
    done = await submit(web, page, staff, **names)
    assert done.headers.get("location") == f"{page}?section=stalls&seats=15&sold=2", done.text

    now = (await web.get(order, headers=place)).json()
    renamed = {"stalls-b-5": codes["stalls-a-1"], "stalls-a-2": codes["stalls-b-2"]}
    assert {it["seat_id"]: it["code"] for it in now["tickets"]} == renamed
    assert sorted(now["seat_ids"]) == ["stalls-a-2", "stalls-b-5"]
    assert [(it["row"], it["states"], it.get("labels")) for it in await seat_rows(web)] == [
        ("b", "sffff", ["5", "4", "3", "2", "1"]),
        ("a", "fsfff", None),
        ("k", "ffffb", ["11", "12", "13", "14", "15x"]),
    ]
    assert await consistency.check(stores, EventId("gala")) == []
    assert (await web.post("/v1/rooms/gala/resume", headers=web.as_("operator"))).status_code == 200
    _, booking = await web.inside("gala")
    new = {**booking, "Idempotency-Key": "by its new name"}
    taken = await web.post(RESERVE, {"seat_ids": ["stalls-k-11"]}, headers=new)
    assert taken.status_code == 201, taken.text
    back = await web.post(f"{SEATS}/release", {"seat_ids": ["stalls-k-15x"]}, headers=web.as_("admin"))
    assert back.json()["done"] == ["stalls-k-15x"]
    log = (await web.get("/v1/audit?kind=ticket_type", headers=web.as_("admin"))).json()["items"]
    assert "stalls-a-1" in [seat for it in log for seat in ((it["before"] or {}).get("seats") or ())]
