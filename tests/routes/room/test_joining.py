"""Joining a queue over HTTP: who you are, and what you get."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from app.core.errors import CannotRun
from app.core.tokens.place_tokens import PlaceSigner
from app.main import create_app
from app.settings import Settings
from tests.routes.conftest import Web, bearer, code, field_of, served
from tests.support.tampering import tampered


async def test_a_first_join_makes_a_place_and_a_second_one_finds_it(web: Web) -> None:
    await web.room()
    first = await web.post("/v1/rooms/hall/places")
    assert first.status_code == 201
    place = first.json()
    assert place["state"] == "called"  # no crowd, no queue
    assert place["queue_number"] == 1
    assert place["claim_by"].endswith("Z")
    again = await web.post("/v1/rooms/hall/places", headers=bearer(place["place_token"]))
    assert again.status_code == 200
    assert again.json()["visitor_id"] == place["visitor_id"]
    assert again.json()["queue_number"] == 1


async def test_the_cookie_alone_keeps_the_place(web: Web) -> None:
    await web.room()
    first = await web.post("/v1/rooms/hall/places")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith("fairgate_place_hall=p1.")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # plain http
    sent = {"Cookie": cookie.partition(";")[0]}
    again = await web.post("/v1/rooms/hall/places", headers=sent)
    assert again.status_code == 200
    assert again.json()["visitor_id"] == first.json()["visitor_id"]
    mine = await web.get("/v1/rooms/hall/places/me", headers=sent)
    assert mine.json()["visitor_id"] == first.json()["visitor_id"]


@pytest.mark.parametrize("public_url", ["https://queue.example", ""])
async def test_cookies_are_secure_where_the_browser_speaks_tls(settings: Settings, public_url: str) -> None:
    async with served(settings.model_copy(update={"public_url": public_url})) as web:
        await web.room()
        url = "/v1/rooms/hall/places" if public_url else "https://fairgate.test/v1/rooms/hall/places"
        assert "; Secure" in (await web.post(url)).headers["set-cookie"]


@pytest.mark.parametrize(
    ("expected", "secure"), [("HTTPS, http", True), ("https,http", True), ("http, https", False), ("", False)]
)
async def test_the_first_proxy_on_the_way_says_what_the_browser_speaks(
    settings: Settings, expected: str, secure: bool
) -> None:
    async with served(settings.model_copy(update={"trusted_proxies": ["127.0.0.0/8"]})) as web:
        await web.room()
        joined = await web.post("/v1/rooms/hall/places", headers={"X-Forwarded-Proto": expected})
        assert ("; Secure" in joined.headers["set-cookie"]) == secure


async def test_an_account_is_the_same_visitor_everywhere(web: Web) -> None:
    await web.room()
    first = await web.join("hall", headers=web.as_("user", "ann"))
    again = await web.post("/v1/rooms/hall/places", headers=web.as_("user", "ann"))
    assert again.status_code == 200
    assert again.json()["visitor_id"] == first["visitor_id"]
    other = await web.join("hall", headers=web.as_("user", "bob"))
    assert other["visitor_id"] != first["visitor_id"]
    mine = await web.get("/v1/rooms/hall/places/me", headers=web.as_("user", "ann"))
    assert mine.json()["visitor_id"] == first["visitor_id"]


async def test_a_place_token_beside_an_account_wins(web: Web) -> None:
    await web.room()
    place = await web.join("hall")
    headers = {**web.as_("user", "ann"), "X-Place-Token": place["place_token"]}
    assert (await web.join("hall", headers=headers))["visitor_id"] == place["visitor_id"]


async def test_an_account_without_a_place_has_none(web: Web) -> None:
    await web.room()
    assert code(await web.get("/v1/rooms/hall/places/me", headers=web.as_("user", "eve"))) == (
        404,
        "place_not_found",
    )


async def test_what_proves_nothing_is_refused(web: Web) -> None:
    await web.room()
    for name in ("invite", "proof"):
        for value in ("", {"answer": 42}, 0):
            assert field_of(await web.post("/v1/rooms/hall/places", {name: value})) == name
        assert code(await web.post("/v1/rooms/hall/places", {name: "friend"})) == (403, "proof_refused")
    assert (await web.get("/v1/rooms/hall")).json()["waiting"] == 0
    assert (await web.post("/v1/rooms/hall/places", {"invite": None, "proof": None})).status_code == 201


async def test_a_forged_header_is_refused_and_a_forged_cookie_forgotten(web: Web) -> None:
    await web.room()
    good = await web.post("/v1/rooms/hall/places")
    cookie = {"Cookie": good.headers["set-cookie"].partition(";")[0]}
    forged = tampered(good.json()["place_token"])
    refused = await web.post("/v1/rooms/hall/places", headers={**bearer(forged), **cookie})
    assert code(refused) == (401, "credential_invalid")
    beside = await web.post("/v1/rooms/hall/places", headers={"X-Place-Token": forged, **cookie})
    assert code(beside) == (401, "credential_invalid")
    fresh = await web.post("/v1/rooms/hall/places", headers={"Cookie": f"fairgate_place_hall={forged}"})
    assert fresh.status_code == 201


async def test_a_place_token_of_another_room_is_the_wrong_one(web: Web) -> None:
    await web.room("hall")
    await web.room("other")
    token = (await web.join("other"))["place_token"]
    for method, path in (("POST", "places"), ("GET", "places/me"), ("POST", "places/me/booking-token")):
        response = await web.send(method, f"/v1/rooms/hall/{path}", headers=bearer(token))
        assert code(response) == (403, "wrong_room"), path


async def test_one_kind_of_token_is_not_another(web: Web, worker: object) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    assert code(await web.get("/v1/rooms/gala/places/me", headers=booking)) == (401, "credential_invalid")
    assert code(await web.reserve("gala", place)) == (401, "credential_invalid")
    assert code(await web.reserve("gala", web.as_("admin"))) == (401, "credential_invalid")
    for headers in (place, booking):
        assert code(await web.post("/v1/rooms/gala/pause", headers=headers)) == (401, "credential_invalid")


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Basic YTpi", "p1.x.y", "Bearer p1", "Bearer a.b.c", "Bearer é"]
)
async def test_anything_else_in_authorization_is_no_credential(web: Web, value: str) -> None:
    await web.room()
    response = await web.get("/v1/rooms/hall/places/me", headers={"Authorization": value.encode()})
    assert code(response) == (401, "credential_invalid")


async def test_a_token_signed_with_another_secret_is_forged(web: Web) -> None:
    await web.room()
    claims = web.app.places.read((await web.join("hall"))["place_token"])
    forged = PlaceSigner(b"somebody else's secret").sign(claims)
    assert code(await web.get("/v1/rooms/hall/places/me", headers=bearer(forged))) == (
        401,
        "credential_invalid",
    )


async def test_a_body_may_tell_more_and_nothing_unknown(web: Web) -> None:
    await web.room()
    good = {"email": "ann@example.org", "locale": "de-CH"}
    assert (await web.post("/v1/rooms/hall/places", good)).status_code == 201
    assert (await web.post("/v1/rooms/hall/places", {})).status_code == 201
    assert field_of(await web.post("/v1/rooms/hall/places", {"queue_number": 1})) == "queue_number"
    assert field_of(await web.post("/v1/rooms/hall/places", {"email": "no"})) == "email"
    assert field_of(await web.post("/v1/rooms/hall/places", {"locale": 7})) == "locale"


async def test_rooms_that_take_nobody_say_why(web: Web) -> None:
    assert code(await web.post("/v1/rooms/nowhere/places")) == (404, "room_not_found")
    await web.room(opened=False)
    assert code(await web.post("/v1/rooms/hall/places")) == (409, "room_not_open")
    await web.post("/v1/rooms/hall/close", headers=web.as_("operator"))
    assert code(await web.post("/v1/rooms/hall/places")) == (409, "room_closed")


async def test_a_crowd_from_one_address_is_slowed_down(settings: Settings) -> None:
    strict = settings.model_copy(
        update={"rate_limits": True, "join_rate_per_address": 1, "join_burst_per_address": 3}
    )
    async with served(strict) as web:
        await web.room()
        answers = [await web.post("/v1/rooms/hall/places") for _ in range(4)]
        assert [it.status_code for it in answers[:3]] == [201, 201, 201]
        slowed: httpx.Response = answers[3]
        assert code(slowed) == (429, "rate_limited")
        assert int(slowed.headers["retry-after"]) >= 1
        assert slowed.headers["ratelimit-policy"].startswith('"join";q=')
        assert slowed.headers["ratelimit"].startswith('"join";r=0;t=')


async def test_addresses_behind_a_trusted_proxy_are_told_apart(settings: Settings) -> None:
    strict = settings.model_copy(
        update={
            "rate_limits": True,
            "join_rate_per_address": 1,
            "join_burst_per_address": 1,
            "trusted_proxies": ["127.0.0.0/8"],
        }
    )
    async with served(strict) as web:
        await web.room()

        async def status(address: str) -> int:
            headers = {"X-Forwarded-For": address}
            return (await web.post("/v1/rooms/hall/places", headers=headers)).status_code

        assert await status("203.0.113.1") == 201
        assert await status("203.0.113.1") == 429
        assert await status("203.0.113.2") == 201
        assert await status("2001:db8::1") == 201
        assert await status("2001:db8::2") == 429  # the same /64
        assert await status("2001:db8:0:1::1") == 201


async def test_a_secret_is_needed(settings: Settings) -> None:
    with pytest.raises(CannotRun, match="FAIRGATE_SECRET"):
        create_app(settings.model_copy(update={"secret": SecretStr("")}))


async def test_an_exact_place_comes_with_the_token_that_was_sent_while_nothing_changed(web: Web) -> None:
    await web.room(admission_rate_per_minute=0)
    mine, other = [(await web.post("/v1/rooms/hall/places")).json()["place_token"] for _ in range(2)]
    beside = {"X-Place-Token": mine}
    found = (await web.get("/v1/rooms/hall/places/me", headers=beside)).json()
    assert found["place_token"] == mine
    both = (await web.get("/v1/rooms/hall/places/me", headers=bearer(other) | beside)).json()
    assert both["place_token"] == other  # its owner
    await web.app.stores.redis.flushall()
    again = (await web.get("/v1/rooms/hall/places/me", headers=beside)).json()
    assert again["visitor_id"] == found["visitor_id"]
    assert again["place_token"] != mine  # it names an earlier epoch of the room
