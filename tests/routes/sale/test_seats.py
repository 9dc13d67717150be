"""Seats over HTTP: put on sale, displayed, chosen, refused."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import time
from typing import Any

import httpx

from app.core.catalogue.definitions import SEATS_MAX
from app.web.http.cookies import BOOKING_COOKIE
from tests.routes.conftest import Web, code, field_of
from worker.context import WorkerContext

PATH = "/v1/events/gala/seats"
STALLS = {"name": "Stalls", "price": 7000, "rows": 3, "seats_per_row": 5}
PAY = {"payment": {"method": "card", "token": "tok_ok"}}


async def create(web: Web, body: Any, **headers: str) -> httpx.Response:
    return await web.post(PATH, body, headers={**web.as_("admin"), **headers})


async def a_hall(web: Web, *sections: Any, **event: Any) -> None:
    """The event `gala` with seats in addition to its counted tickets."""
    await web.event(**event)
    answer = await create(web, {"sections": list(sections) or [STALLS]})
    assert answer.status_code == 201, answer.text


async def reserve(web: Web, booking: dict[str, str], key: str = "k", **body: Any) -> httpx.Response:
    headers = {**booking, "Idempotency-Key": key}
    return await web.post("/v1/events/gala/reservations", body, headers=headers)


def states(answer: httpx.Response) -> dict[str, str]:
    """Every row of the map, such as `stalls-a`, with its states."""
    assert answer.status_code == 200, answer.text
    return {
        f"{section['ticket_type_id']}-{row['row']}": row["states"]
        for section in answer.json()["sections"]
        for row in section["rows"]
    }


async def test_sections_become_ticket_types_with_seats(web: Web) -> None:
    await web.event()
    assert (await web.get("/v1/events/gala")).json()["seated"] is False
    circle = {"name": "Großer Rang, links!", "price": 9000, "rows": 1, "seats_per_row": 2}
    answer = await create(web, {"sections": [STALLS, circle]})
    assert answer.status_code == 201
    document = answer.json()
    assert [(it["ticket_type_id"], it["total"], it["price"]) for it in document["ticket_types"]] == [
        ("stalls", 15, 7000),
        ("grosser-rang-links", 2, 9000),
    ]
    assert document["seats"] == 17
    event = (await web.get("/v1/events/gala")).json()
    assert event["seated"] is True
    assert [it["free"] for it in event["ticket_types"]] == [10, 15, 2]
    found = await web.get(PATH)
    assert found.headers["cache-control"] == "public, max-age=1"
    first, second = found.json()["sections"]
    assert (first["name"], first["price"], first["seat_id"]) == ("Stalls", 7000, "stalls-{row}-{number}")
    assert (first["free"], first["held"], first["sold"], first["total"]) == (15, 0, 0, 15)
    assert first["rows"][0] == {"row": "a", "first": 1, "states": "fffff"}
    assert second["rows"] == [{"row": "a", "first": 1, "states": "ff"}]
    assert found.json()["states"] == {"f": "free", "h": "held", "s": "sold", "b": "blocked"}


async def test_a_list_of_seats_may_have_gaps(web: Web) -> None:
    await web.event()
    places = [("B", 3), ("B", 1), ("B", 2), ("A", 10), ("A", 7)]
    seats = [{"section": "Box", "row": row, "number": number, "price": 500} for row, number in places]
    assert (await create(web, {"seats": seats})).status_code == 201
    (box,) = (await web.get(PATH)).json()["sections"]
    assert (box["ticket_type_id"], box["total"]) == ("box", 5)
    assert box["rows"] == [
        {"row": "b", "first": 1, "states": "fff"},
        {"row": "a", "first": 7, "states": "f--f"},
    ]


async def test_an_event_without_seats_has_an_empty_map(web: Web) -> None:
    await web.event()
    assert (await web.get(PATH)).json()["sections"] == []
    assert code(await web.get("/v1/events/nothing/seats")) == (404, "event_not_found")


async def test_the_map_of_an_unpublished_event_is_for_staff(web: Web) -> None:
    await a_hall(web, published=False)
    assert code(await web.get(PATH)) == (404, "event_not_found")
    assert states(await web.get(PATH, headers=web.as_("operator")))["stalls-a"] == "fffff"


BAD_SEATS: list[tuple[Any, str]] = [
    ({}, "sections"),
    ({"sections": [], "seats": []}, "sections"),
    (
        {"sections": [STALLS], "seats": [{"section": "A", "row": "a", "number": 1, "price": 1}]},
        "sections",
    ),
    ({"sections": [STALLS, STALLS]}, "sections[1].name"),
    ({"sections": [STALLS | {"name": "★★"}]}, "sections[0].name"),
    ({"sections": [STALLS | {"rows": 0}]}, "sections[0].rows"),
    ({"sections": [STALLS | {"rows": 5001}]}, "sections[0].rows"),
    ({"sections": [STALLS | {"seats_per_row": 1001}]}, "sections[0].seats_per_row"),
    (
        {"sections": [STALLS, STALLS | {"name": "B", "rows": 500, "seats_per_row": 100}]},
        "sections[1].rows",
    ),
    ({"sections": [STALLS | {"price": -1}]}, "sections[0].price"),
    ({"sections": [STALLS | {"ticket_type_id": "A b"}]}, "sections[0].ticket_type_id"),
    ({"sections": [STALLS | {"colour": "red"}]}, "sections[0].colour"),
    ({"seats": [{"section": "A", "row": "a-b", "number": 1, "price": 1}]}, "seats[0].row"),
    ({"seats": [{"section": "A", "row": "a", "number": 0, "price": 1}]}, "seats[0].number"),
    ({"seats": [{"section": "A", "row": r, "number": 1, "price": 1} for r in "aA"]}, "seats[1].number"),
    (
        {"seats": [{"section": "A", "row": "a", "number": n, "price": n} for n in (1, 2)]},
        "seats[1].price",
    ),
    (
        {"seats": [{"section": "A", "row": "a", "number": n, "price": 1} for n in (1, 1001)]},
        "seats[1].number",
    ),
]


async def test_bad_seats_are_refused_by_field(web: Web) -> None:
    await web.event()
    for body, field in BAD_SEATS:
        assert field_of(await create(web, body)) == field, body
    assert (await web.get("/v1/events/gala")).json()["seated"] is False


async def test_seats_are_made_once(web: Web) -> None:
    await web.event()
    answers = [await create(web, {"sections": [STALLS]}, **{"Idempotency-Key": "hall"}) for _ in range(2)]
    assert [it.status_code for it in answers] == [201, 201]
    assert answers[1].headers["idempotent-replay"] == "true"
    assert answers[0].json() == answers[1].json()
    assert code(await create(web, {"sections": [STALLS]})) == (409, "already_exists")
    other = {"sections": [{**STALLS, "name": "Other"}, {**STALLS, "name": "Floor"}]}
    assert code(await create(web, other)) == (409, "already_exists")
    assert len((await web.get("/v1/events/gala")).json()["ticket_types"]) == 2  # all or none
    path = "/v1/events/gala/ticket-types/stalls"
    more = await web.send("PATCH", path, json={"quantity": 16}, headers=web.as_("admin"))
    assert code(more) == (409, "conflict")
    renamed = {"name": "Parterre", "price": 1, "quantity": 15}
    assert (await web.send("PATCH", path, json=renamed, headers=web.as_("admin"))).status_code == 200
    assert (await web.get(PATH)).json()["sections"][0]["name"] == "Parterre"
    assert (await web.send("DELETE", "/v1/events/gala", headers=web.as_("admin"))).status_code == 204
    assert code(await web.get("/v1/events/gala")) == (404, "event_not_found")


async def test_from_the_map_to_the_tickets(web: Web, worker: WorkerContext) -> None:
    await a_hall(web)
    place, booking = await web.inside("gala")
    held = await reserve(web, booking, seat_ids=["stalls-b-2", "stalls-a-1"])
    assert held.status_code == 201, held.text
    document = held.json()
    assert document["seat_ids"] == ["stalls-a-1", "stalls-b-2"]
    assert document["items"] == [{"ticket_type_id": "stalls", "quantity": 2, "price": 7000}]
    assert document["amount"] == 14_000
    path = held.headers["location"]
    assert (await web.get(path, headers=place)).json() == document
    _, other = await web.inside("gala")
    lost = await reserve(web, other, seat_ids=["stalls-a-1", "stalls-a-2"])
    assert code(lost) == (409, "seat_taken")
    assert lost.json()["seat_ids"] == ["stalls-a-1"]
    again = await reserve(web, other, seat_ids=["stalls-a-1", "stalls-a-2"])
    assert (again.json(), again.headers["idempotent-replay"]) == (lost.json(), "true")
    paid = await web.post(f"{path}/confirm", PAY, headers={**place, "Idempotency-Key": "pay"})
    assert sorted(it["seat_id"] for it in paid.json()["tickets"]) == ["stalls-a-1", "stalls-b-2"]
    web.app.caches.seat_maps._found.clear()
    assert states(await web.get(PATH)) == {"stalls-a": "sffff", "stalls-b": "fsfff", "stalls-c": "fffff"}
    best = await reserve(web, other, "best", best_available={"ticket_type_id": "stalls", "quantity": 4})
    assert best.json()["seat_ids"] == [f"stalls-a-{n}" for n in (2, 3, 4, 5)]
    many = await reserve(web, other, "more", best_available={"ticket_type_id": "stalls", "quantity": 9})
    assert code(many) == (422, "limit_exceeded")
    await web.inside("gala")
    _, third = await web.inside("gala")
    sold_out = await reserve(web, third, best_available={"ticket_type_id": "stalls", "quantity": 10})
    assert code(sold_out) == (409, "sold_out")


BAD_WISHES: list[tuple[Any, str]] = [
    ({}, "items"),
    ({"seat_ids": []}, "seat_ids"),
    ({"seat_ids": ["stalls-a-1"] * 101}, "seat_ids"),
    ({"seat_ids": ["stalls-a-1", "stalls-a-1"]}, "seat_ids[1]"),
    ({"seat_ids": ["stalls-a-1", "stalls-a-6"]}, "seat_ids[1]"),
    ({"seat_ids": ["stalls-a-1", "Stalls A 2"]}, "seat_ids[1]"),
    ({"seat_ids": ["stalls-a-01"]}, "seat_ids[0]"),
    ({"seat_ids": [7]}, "seat_ids[0]"),
    ({"seat_ids": None}, "seat_ids"),
    ({"items": [{"ticket_type_id": "stalls", "quantity": 1}]}, "items[0].ticket_type_id"),
    ({"best_available": {"ticket_type_id": "floor", "quantity": 1}}, "best_available.ticket_type_id"),
    ({"best_available": {"ticket_type_id": "stalls", "quantity": 0}}, "best_available.quantity"),
    ({"best_available": {"ticket_type_id": "stalls"}}, "best_available.quantity"),
    (
        {"seat_ids": ["stalls-a-1"], "best_available": {"ticket_type_id": "stalls", "quantity": 1}},
        "best_available",
    ),
]


async def test_bad_wishes_are_refused_by_field(web: Web) -> None:
    await a_hall(web)
    _, booking = await web.inside("gala")
    for body, field in BAD_WISHES:
        answer = await reserve(web, booking, **body)
        assert field_of(answer) == field, answer.text


async def test_not_waiting_tells_the_taken_seats_later(web: Web) -> None:
    await a_hall(web)
    place, booking = await web.inside("gala")
    accepted = await web.post(
        "/v1/events/gala/reservations",
        {"seat_ids": ["stalls-a-1"]},
        headers={**booking, "Idempotency-Key": "k", "Prefer": "respond-async"},
    )
    assert accepted.status_code == 202
    undecided = await web.get(accepted.headers["location"], headers=place)
    assert undecided.status_code == 202


async def test_the_report_of_orders_names_seats(web: Web, worker: WorkerContext) -> None:
    await a_hall(web)
    _, booking = await web.inside("gala")
    await reserve(web, booking, "1", seat_ids=["stalls-b-2", "stalls-a-1"])
    await web.reserve("gala", booking, 1, "2")
    answer = await web.get("/v1/events/gala/orders.csv", headers=web.as_("operator"))
    seated, counted = csv.DictReader(io.StringIO(answer.text))
    assert (seated["items"], seated["seat_ids"]) == ("stalls:2:70.00", "stalls-a-1 stalls-b-2")
    assert (counted["items"], counted["seat_ids"]) == ("floor:1:50.00", "")


async def test_the_booking_page_sells_the_best_seats_with_other_tickets(
    web: Web, worker: WorkerContext
) -> None:
    await a_hall(web)
    _, booking = await web.inside("gala")
    mine = {"cookie": f"{BOOKING_COOKIE}gala={booking['Authorization'].split()[1]}"}

    async def chosen(**counts: str) -> httpx.Response:
        data = {f"quantity.{name}": count for name, count in counts.items()}
        return await web.send("POST", "/events/gala/reserve", data=data, headers=mine)

    held = await chosen(stalls="2", floor="1")
    assert held.status_code == 303, held.text
    found = (await web.get(f"/v1{held.headers['location']}", headers=web.as_("operator"))).json()
    assert found["seat_ids"] == ["stalls-a-1", "stalls-a-2"]
    assert {it["ticket_type_id"]: it["quantity"] for it in found["items"]} == {"floor": 1, "stalls": 2}


async def test_fifty_thousand_seats_are_made_mapped_and_sold_quickly(web: Web, worker: WorkerContext) -> None:
    sections = [{"name": f"Block {n}", "price": 5000, "rows": 100, "seats_per_row": 100} for n in range(5)]
    began = time.process_time()
    await a_hall(web, *sections)
    assert time.process_time() - began < 5  # CPU seconds of this process, including the worker
    found = await web.get(PATH)
    assert sum(it["total"] for it in found.json()["sections"]) == SEATS_MAX
    assert len(found.content) < 100_000
    assert len(gzip.compress(found.content)) < 10_000
    _, booking = await web.inside("gala")
    best = await reserve(web, booking, best_available={"ticket_type_id": "block-4", "quantity": 2})
    assert best.json()["seat_ids"] == ["block-4-a-1", "block-4-a-2"]


async def test_a_long_list_fits_into_the_body(web: Web) -> None:
    await web.event()
    seats = [
        {"section": "The Upper Circle", "row": f"r{n // 100}", "number": n % 100 + 1, "price": 5000}
        for n in range(SEATS_MAX)
    ]
    answer = await create(web, {"seats": seats})
    assert answer.status_code == 201, answer.text[:200]
    assert answer.json()["seats"] == SEATS_MAX
    too_many = await create(web, {"seats": [*seats, seats[0]]})
    assert field_of(too_many) == "seats"


async def test_staff_of_lower_role_cannot_make_seats(web: Web) -> None:
    await web.event()
    answer = await web.post(PATH, {"sections": [STALLS]}, headers=web.as_("operator"))
    assert code(answer) == (403, "role_required")


async def test_two_calls_at_once_make_a_section_once(web: Web) -> None:
    await web.event()
    answers = await asyncio.gather(*(create(web, {"sections": [STALLS]}) for _ in range(4)))
    assert sorted(it.status_code for it in answers) == [201, 409, 409, 409]


async def test_a_map_that_is_known_costs_no_body(web: Web, worker: WorkerContext) -> None:
    await a_hall(web, STALLS | {"rows": 100, "seats_per_row": 100})
    found = await web.get(PATH, headers={"Accept-Encoding": "gzip"})
    assert found.headers["content-encoding"] == "gzip"
    assert int(found.headers["content-length"]) < 2_000
    assert found.headers["vary"] == "Accept-Encoding"
    tag = found.headers["etag"]
    plain = await web.get(PATH, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert (plain.json(), plain.headers["etag"]) == (found.json(), tag)
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await web.get(PATH, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, max-age=1"
        assert not again.headers.keys() & {"content-type", "content-length"}
    assert (await web.get(PATH, headers={"If-None-Match": '"other"'})).status_code == 200
    _, booking = await web.inside("gala")
    assert (await reserve(web, booking, seat_ids=["stalls-a-1"])).status_code == 201
    web.app.caches.seat_maps._found.clear()
    changed = await web.get(PATH, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert states(changed)["stalls-a"].startswith("hf")
