"""What is not published does not exist for anybody but staff, through any address, stream, list or gate."""

from __future__ import annotations

import pytest

from app.web.api.registry import CALLS
from app.web.http.staff_access import STAFF_ONLY
from app.web.pages.visitor_pages import FORMS, PAGES
from tests.routes.conftest import Web

THINGS = ("room_id", "event_id")
IDS = {"digest": "0", "theme_file": "style.css", "name": "x", "sid": "x", "invite_id": "x"}
READS = ("status", "read_event", "availability", "read_seats")
STREAMS = ("room_stream",)


def filled(path: str, thing: str) -> str:
    """The address of a call or page about this event or its room."""
    path = path.replace("<", "{").replace(">", "}")
    return path.format(**dict.fromkeys(("room_id", "event_id"), thing), **IDS)


@pytest.fixture
async def shown_before(web: Web) -> tuple[dict[str, str], dict[str, str]]:
    """A fan's place and account from when the sale `secret` was still published."""
    await web.event("secret", name="A name not told yet")
    return {"Authorization": f"Bearer {(await web.join('secret'))['place_token']}"}, web.as_("user")


async def missing(web: Web, method: str, path: str, headers: dict[str, str]) -> None:
    """Ask for it: the response is that for things that never existed, and tells former visitors nothing."""
    answer, never = [
        await web.send(method, filled(path, thing), headers=headers) for thing in ("secret", "nowhere")
    ]
    assert answer.status_code >= 400, (method, path)
    assert "A name not told yet" not in answer.text
    assert "public" not in answer.headers["cache-control"], path
    if "Bearer p1." not in headers.get("Authorization", ""):
        assert answer.status_code == never.status_code, (method, path)
        if answer.headers["content-type"].startswith("application/problem"):
            assert answer.json()["code"] == never.json()["code"], (method, path)


async def test_nobody_but_staff_sees_anything_of_it(
    web: Web, shown_before: tuple[dict[str, str], dict[str, str]]
) -> None:
    assert (await web.get("/v1/rooms/secret")).status_code == 200  # and cached for a second
    hidden = await web.send("PATCH", "/v1/events/secret", json={"published": False}, headers=web.as_("admin"))
    assert hidden.status_code == 200
    about = [it for it in CALLS if any(f"{{{name}}}" in it.path for name in THINGS)]
    for who in ({}, *shown_before):
        for call in about:
            if call.auth not in STAFF_ONLY:
                await missing(web, call.method, call.path, who)
        for pages, method in ((PAGES, "GET"), (FORMS, "POST")):
            for path in pages:
                if any(f"<{name}>" in path for name in THINGS):
                    await missing(web, method, path, {**who, "Origin": "http://fairgate.test"})
        for path in ("/v1/rooms", "/v1/events", "/v1/events?q=told", "/"):
            listed = await web.get(path, headers=who)
            assert listed.status_code == 200
            assert "secret" not in listed.text
    for role in ("operator", "admin"):
        for call in about:
            if call.name in READS:
                answer = await web.get(filled(call.path, "secret"), headers=web.as_(role))
                assert answer.status_code == 200, call.name
        assert "secret" in (await web.get("/v1/events", headers=web.as_(role))).text
    again = await web.send("PATCH", "/v1/events/secret", json={"published": True}, headers=web.as_("admin"))
    assert again.status_code == 200
    for path in ("/v1/rooms/secret", "/v1/events/secret", "/rooms/secret", "/events/secret"):
        assert (await web.get(path)).status_code == 200


async def test_a_sale_that_is_made_unpublished_was_never_there(web: Web) -> None:
    await web.event("draft", published=False)
    assert (await web.get("/v1/rooms/draft")).status_code == 404
    assert (await web.post("/v1/rooms/draft/places")).status_code == 404
    assert "draft" not in (await web.get("/v1/rooms")).text


async def test_other_processes_learn_of_it_and_their_streams_end(web: Web) -> None:
    await web.event("secret")
    told = web.app.hidden
    ended: list[str] = []
    told._on_hidden = ended.append
    await web.app.stores.postgres.execute("UPDATE events SET published = false")  # as another process would
    await told.refresh()
    await told.refresh()
    assert ended == ["secret"]
    assert (await web.get("/v1/rooms/secret")).status_code == 404
