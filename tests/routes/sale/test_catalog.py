"""Events and ticket types: what staff put on sale and everybody can read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.routes.conftest import Web, code, field_of

NEW = {"event_id": "gala", "name": "Gala", "starts_at": "2030-01-01T20:00:00+01:00"}
FLOOR = {"ticket_type_id": "floor", "name": "Floor", "price": 5000, "quantity": 10}


async def test_a_new_event_comes_with_its_room(web: Web) -> None:
    room = {"admission_rate_per_minute": 60, "opens_at": "2030-01-01T10:00:00Z"}
    made = await web.post(
        "/v1/events", {**NEW, "name": "Gala 🎷 <b>", "room": room}, headers=web.as_("admin")
    )
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/events/gala"
    document = made.json()
    assert document["starts_at"] == "2030-01-01T19:00:00Z"
    assert (document["room_id"], document["currency"], document["published"]) == ("gala", "EUR", True)
    assert (await web.get("/v1/events/gala")).json() == document
    status = (await web.get("/v1/rooms/gala")).json()
    assert (status["state"], status["name"], status["event_id"]) == ("scheduled", "Gala 🎷 <b>", "gala")
    assert status["admission_rate_per_minute"] == 60
    assert status["available"] == 0


async def test_ids_are_taken_once(web: Web) -> None:
    await web.event()
    await web.room("hall")
    assert code(await web.post("/v1/events", NEW, headers=web.as_("admin"))) == (409, "already_exists")
    in_hall = {**NEW, "event_id": "other", "room": {"room_id": "hall"}}
    assert code(await web.post("/v1/events", in_hall, headers=web.as_("admin"))) == (409, "already_exists")
    assert code(await web.get("/v1/events/other")) == (404, "event_not_found")
    floor = await web.post("/v1/events/gala/ticket-types", FLOOR, headers=web.as_("admin"))
    assert code(floor) == (409, "already_exists")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": "Gala!"}, "event_id"),
        ({"event_id": "a" * 41}, "event_id"),
        ({"event_id": "a--b"}, "event_id"),
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": 7}, "name"),
        ({"starts_at": "2030-01-01T20:00:00"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"currency": "euro"}, "currency"),
        ({"max_tickets_per_visitor": 0}, "max_tickets_per_visitor"),
        ({"max_tickets_per_visitor": 101}, "max_tickets_per_visitor"),
        ({"hold_ttl_s": 1}, "hold_ttl_s"),
        ({"hold_ttl_s": True}, "hold_ttl_s"),
        ({"published": "yes"}, "published"),
        ({"colour": "red"}, "colour"),
        ({"room": {"burst": 0}}, "room.burst"),
        ({"room": {"colour": 1}}, "room.colour"),
        ({"room": {"theme": {"a": "\0"}}}, "room.theme.a"),
        ({"room": {"opens_at": "2030-01-02T00:00:00Z", "closes_at": "2030-01-01T00:00:00Z"}}, "closes_at"),
    ],
)
async def test_bad_events_are_refused_by_field(web: Web, change: dict[str, Any], field: str) -> None:
    answer = await web.post("/v1/events", {**NEW, **change}, headers=web.as_("admin"))
    assert field_of(answer) == field
    assert (await web.get("/v1/events")).json()["total"] == 0


async def test_an_event_is_changed_and_deleted(web: Web) -> None:
    await web.event()
    changed = await web.send(
        "PATCH", "/v1/events/gala", json={"venue": "Hall", "hold_ttl_s": 60}, headers=web.as_("admin")
    )
    assert changed.status_code == 200
    assert (changed.json()["venue"], changed.json()["hold_ttl_s"], changed.json()["name"]) == (
        "Hall",
        60,
        "Gala",
    )
    fixed = await web.send("PATCH", "/v1/events/gala", json={"event_id": "x"}, headers=web.as_("admin"))
    assert field_of(fixed) == "event_id"
    assert (await web.send("DELETE", "/v1/events/gala", headers=web.as_("admin"))).status_code == 204
    for path in ("/v1/events/gala", "/v1/rooms/gala"):
        assert (await web.get(path)).status_code == 404
    deleted = await web.send("DELETE", "/v1/events/gala", headers=web.as_("admin"))
    assert code(deleted) == (404, "event_not_found")


async def test_an_event_with_reservations_stays(web: Web, worker: object) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    assert (await web.reserve("gala", booking)).status_code == 201
    refused = await web.send("DELETE", "/v1/events/gala", headers=web.as_("admin"))
    assert code(refused) == (409, "conflict")
    coin = await web.send("PATCH", "/v1/events/gala", json={"currency": "CHF"}, headers=web.as_("admin"))
    assert code(coin) == (409, "conflict")


async def test_the_quantity_goes_up_and_down_to_what_is_taken(web: Web, worker: object) -> None:
    await web.event(floor=5)
    _, booking = await web.inside("gala")
    assert (await web.reserve("gala", booking, 3)).status_code == 201
    path = "/v1/events/gala/ticket-types/floor"

    async def set_to(quantity: int) -> tuple[int, int | str]:
        answer = await web.send("PATCH", path, json={"quantity": quantity}, headers=web.as_("admin"))
        return answer.status_code, answer.json().get("free", answer.json().get("code"))

    assert await set_to(2) == (409, "conflict")
    assert await set_to(3) == (200, 0)
    assert code(await web.reserve("gala", booking, 1, "none")) == (409, "sold_out")
    assert await set_to(8) == (200, 5)
    assert (await web.reserve("gala", booking, 5, "all")).status_code == 201
    missing = await web.send("PATCH", f"{path}-2", json={"quantity": 1}, headers=web.as_("admin"))
    assert code(missing) == (404, "ticket_type_not_found")


async def test_a_new_price_is_for_new_holds(web: Web, worker: object) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    assert (await web.reserve("gala", booking, 1, "one")).json()["amount"] == 5000
    path = "/v1/events/gala/ticket-types/floor"
    await web.send("PATCH", path, json={"price": 7000}, headers=web.as_("admin"))
    assert (await web.reserve("gala", booking, 1, "two")).json()["amount"] == 7000
    assert (await web.reserve("gala", booking, 1, "one")).json()["amount"] == 5000


async def test_unpublished_events_are_for_staff(web: Web) -> None:
    await web.event("secret", published=False)
    await web.event("open")
    assert [it["event_id"] for it in (await web.get("/v1/events")).json()["items"]] == ["open"]
    for path in ("/v1/events/secret", "/v1/events/secret/availability"):
        assert code(await web.get(path)) == (404, "event_not_found")
        assert code(await web.get(path, headers=web.as_("user"))) == (404, "event_not_found")
        assert (await web.get(path, headers=web.as_("operator"))).status_code == 200
    assert (await web.get("/v1/events", headers=web.as_("operator"))).json()["total"] == 2


async def test_events_are_found_and_come_in_pages(web: Web) -> None:
    for day in (3, 1, 2):
        await web.event(f"day-{day}", name=f"Day {day}", starts_at=f"2030-01-0{day}T20:00:00Z")
    first = await web.get("/v1/events?per_page=2")
    assert [it["event_id"] for it in first.json()["items"]] == ["day-1", "day-2"]
    assert {name: first.json()[name] for name in ("total", "page", "per_page")} == {
        "total": 3,
        "page": 1,
        "per_page": 2,
    }
    assert '</v1/events?page=2&per_page=2>; rel="next"' in first.headers["link"]
    second = await web.get("/v1/events?per_page=2&page=2")
    assert [it["event_id"] for it in second.json()["items"]] == ["day-3"]
    assert 'rel="next"' not in second.headers["link"]
    beyond = (await web.get("/v1/events?page=9")).json()
    assert (beyond["items"], beyond["total"]) == ([], 3)

    async def ids(query: str) -> list[str]:
        return [it["event_id"] for it in (await web.get(f"/v1/events?{query}")).json()["items"]]

    assert await ids("q=DAY%202") == ["day-2"]
    assert await ids("q=%25") == []
    assert await ids("from=2030-01-02T00:00:00Z") == ["day-2", "day-3"]
    assert await ids("from=2030-01-02T00:00:00Z&to=2030-01-02T23:00:00Z") == ["day-2"]


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=x",
        "per_page=201",
        "per_page=0",
        "colour=red",
        "page=1&page=2",
        "from=monday",
        "from=1893456000",
        "to=-1.5e3",
        "q=%ff",
        "q=%00",
    ],
)
async def test_bad_queries_are_refused_by_parameter(web: Web, query: str) -> None:
    assert field_of(await web.get(f"/v1/events?{query}")) in (query.partition("=")[0], "query")


async def test_the_same_key_creates_once(web: Web) -> None:
    headers = {**web.as_("admin"), "Idempotency-Key": "make"}
    answers = await asyncio.gather(*(web.post("/v1/events", NEW, headers=headers) for _ in range(6)))
    assert {it.status_code for it in answers} == {201}
    assert sum("idempotent-replay" not in it.headers for it in answers) == 1
    assert len({it.text for it in answers}) == 1
    other = await web.post("/v1/events", {**NEW, "name": "Other"}, headers=headers)
    assert code(other) == (409, "idempotency_key_reused")
    again = await web.post("/v1/events", NEW, headers={**headers, "Idempotency-Key": "again"})
    assert code(again) == (409, "already_exists")


async def test_a_refusal_is_not_remembered(web: Web) -> None:
    headers = {**web.as_("admin"), "Idempotency-Key": "type"}
    path = "/v1/events/gala/ticket-types"
    assert code(await web.post(path, FLOOR, headers=headers)) == (404, "event_not_found")
    await web.post("/v1/events", NEW, headers=web.as_("admin"))
    assert (await web.post(path, FLOOR, headers=headers)).status_code == 201
