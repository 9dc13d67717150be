"""Values from outside, in the spellings that people and programs use."""

from __future__ import annotations

import unicodedata

import pytest

from app.store.connections import Stores
from tests.routes.conftest import Web, field_of
from tests.routes.mailing import buy
from worker.context import WorkerContext


@pytest.mark.parametrize("email", ["a..b@example.org", "ann,bob@example.org", "ann@example", "ann"])
async def test_an_address_no_mail_gets_to_is_refused_and_takes_no_place(web: Web, email: str) -> None:
    await web.room()
    assert field_of(await web.post("/v1/rooms/hall/places", {"email": email})) == "email"
    assert (await web.get("/v1/rooms/hall")).json()["waiting"] == 0
    account = {"email": email, "name": "Ann", "password": "long enough 1"}
    assert field_of(await web.post("/v1/users", account)) == "email"


async def test_spaces_around_an_address_are_not_part_of_it(web: Web, stores: Stores) -> None:
    await web.room()
    await web.join("hall", json={"email": " ann@Example.org "})
    assert await stores.postgres.fetchval("SELECT email FROM mailboxes") == "ann@example.org"
    account = {"email": " Ann@example.org", "name": "Ann", "password": "long enough 1"}
    assert (await web.post("/v1/users", account)).json()["email"] == "ann@example.org"
    assert (await web.post("/v1/users", account | {"email": "ann@example.org "})).status_code == 201
    assert await stores.postgres.fetchval("SELECT count(*) FROM accounts") == 1  # although nobody is told
    login = {"email": "ANN@example.org  ", "password": "long enough 1"}
    assert (await web.post("/v1/login", login)).status_code == 200


async def test_an_order_is_found_however_its_name_is_spelt(web: Web, worker: WorkerContext) -> None:
    await web.event()
    path, place = await buy(web)
    ticket = (await web.get(path, headers=place)).json()["tickets"][0]["code"]
    spoken = "-".join((ticket[:3], ticket[3:6], ticket[6:])).lower()
    staff, order = web.as_("operator"), path.rpartition("/")[2]
    for word in (f" {order} ", f" {ticket}", spoken, spoken.replace("-", " "), " Ann@Example.org "):
        found = await web.get("/v1/orders", params={"q": word}, headers=staff)
        assert [it["reservation_id"] for it in found.json()["items"]] == [order], word
        page = await web.get("/admin/orders", params={"q": word}, headers=await web.staff("operator"))
        assert order in page.text, word


async def test_an_event_is_found_in_any_spelling(web: Web) -> None:
    composed = "\u00c9toile"
    await web.event(name=f"{unicodedata.normalize('NFD', composed)}  Live", venue="Stra\u00dfe")
    for word in (composed, composed.lower(), f" {composed.upper()} live ", "STRASSE", "stra\u00dfe"):
        found = await web.get("/v1/events", params={"q": word})
        assert found.json()["total"] == 1, word
    renamed = await web.send("PATCH", "/v1/events/gala", json={"name": "Gala"}, headers=web.as_("admin"))
    assert renamed.status_code == 200
    assert (await web.get("/v1/events", params={"q": composed})).json()["total"] == 0


async def test_a_currency_that_is_none_is_refused(web: Web) -> None:
    await web.event()
    body = {"event_id": "other", "name": "Other", "starts_at": "2030-01-01T20:00:00Z"}
    for currency in ("ZZZ", "XXX", "EURO", "eur", "DEM"):
        sent = await web.post("/v1/events", body | {"currency": currency}, headers=web.as_("admin"))
        assert field_of(sent) == "currency"
        changed = await web.send(
            "PATCH", "/v1/events/gala", json={"currency": currency}, headers=web.as_("admin")
        )
        assert field_of(changed) == "currency"
