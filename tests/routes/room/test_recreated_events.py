"""An event deleted and created again under the same name is a new one: old places are not valid in it."""

from __future__ import annotations

import re

import httpx

from app.settings import Settings
from app.web.api.registry import CALLS
from tests.routes.at_gate import gate_headers, pass_cookie
from tests.routes.conftest import Web, bearer, code, served

OF_A_PLACE = [it for it in CALLS if it.auth is not None and it.auth.name == "place"]
BODIES = {"PATCH": {"quantity": 2}}


async def ask(web: Web, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    return await web.send(
        method, re.sub(r"{room_id}", "gala", path), json=BODIES.get(method), headers=headers
    )


async def recreate_event(web: Web) -> None:
    assert (await web.send("DELETE", "/v1/events/gala", headers=web.as_("admin"))).status_code == 204
    await web.event()


async def test_tokens_of_a_deleted_room_are_refused_in_the_one_made_anew(
    web: Web, settings: Settings
) -> None:
    """In every call, however the token is sent. A process that knew the old room notices at first look."""
    await web.event()
    async with served(settings) as other:
        account = other.as_("user")
        old = (await other.join("gala"))["place_token"]
        of_account = (await other.join("gala", headers=account))["place_token"]
        await recreate_event(web)
        assert OF_A_PLACE
        first_look = await ask(other, "GET", "/v1/rooms/gala/places/me", bearer(old))
        assert code(first_look) == (404, "place_not_found")
        for served_by in (other, web):
            for call in OF_A_PLACE:
                for token in (old, of_account):
                    for headers in (bearer(token), account | {"X-Place-Token": token}):
                        answer = await ask(served_by, call.method, call.path, headers)
                        assert code(answer) == (401, "credential_invalid"), call.name
                cookie = {"Cookie": f"fairgate_place_gala={old}"}
                answer = await ask(served_by, call.method, call.path, cookie)
                assert code(answer) == (401, "credential_invalid"), call.name
            for headers in (bearer(old), {"X-Place-Token": old}):
                answer = await served_by.post("/v1/rooms/gala/places", headers=headers)
                assert code(answer) == (401, "credential_invalid")
        before = await web.get("/v1/rooms/gala")
        assert before.json()["called"] == 0, "nobody got in by any of it"
        forgotten = await other.post(
            "/v1/rooms/gala/places", headers={"Cookie": f"fairgate_place_gala={old}"}
        )
        assert forgotten.status_code == 201
        new = forgotten.json()
        assert new["visitor_id"] != other.app.places.read(old).visitor_id
        assert new["queue_number"] == 1


async def test_a_process_that_knew_the_old_room_takes_and_gives_tokens_of_the_new_one(
    web: Web, settings: Settings
) -> None:
    await web.event()
    async with served(settings) as other:
        await other.join("gala")
        await recreate_event(web)
        new = (await web.join("gala"))["place_token"]
        assert (await ask(other, "GET", "/v1/rooms/gala/places/me", bearer(new))).status_code == 200
        await recreate_event(web)
        given = (await other.join("gala"))["place_token"]
        assert (await ask(web, "GET", "/v1/rooms/gala/places/me", bearer(given))).status_code == 200


async def test_tokens_of_before_generations_stay_good(web: Web) -> None:
    """A room from before migration 0027 has no generation, and neither have the tokens issued in it."""
    await web.event()
    await web.app.stores.postgres.execute("UPDATE rooms SET generation = ''")
    await web.app.stores.redis.hset("{gala}:conf", "generation", "")
    token = (await web.join("gala"))["place_token"]
    assert web.app.places.read(token).generation == ""
    assert (await ask(web, "GET", "/v1/rooms/gala/places/me", bearer(token))).status_code == 200


async def test_a_booking_token_of_the_deleted_room_reserves_nothing(web: Web) -> None:
    """Its session belonged to the old room, and ended with it."""
    await web.event()
    _, booking = await web.inside("gala")
    await recreate_event(web)
    assert code(await web.reserve("gala", booking)) == (403, "session_ended")


async def test_the_gate_lets_nobody_in_who_was_let_into_the_deleted_room(
    web: Web, settings: Settings
) -> None:
    """No process accepts passes or booking tokens of the deleted room; those of the new one are valid."""
    gate = "/v1/rooms/gala/gate"
    await web.event()
    async with served(settings) as other:
        _, booking = await web.inside("gala")
        old = pass_cookie(await web.get(gate, headers=gate_headers("https://shop.example/")))
        for process in (web, other):
            assert [(await process.get(gate, headers=it)).status_code for it in (old, booking)] == [204, 204]
        await recreate_event(web)
        closed = {"gate_mode": "queue_all"}
        await web.send("PATCH", "/v1/rooms/gala", json=closed, headers=web.as_("operator"))
        _, new = await web.inside("gala")
        for process in (web, other):
            assert (await process.get(gate, headers=new)).status_code == 204
            for it in (old, booking):
                assert code(await process.get(gate, headers=it)) == (401, "credential_invalid")
