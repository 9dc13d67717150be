"""What all requests have in common: bodies, headers, request ids, methods, other origins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.http.assets import load_assets
from app.web.http.gateway_signature import GATEWAY
from tests.routes.conftest import Web, code, field_of, served

JOIN = "/v1/rooms/hall/places"  # on the hot lane
EVENTS = "/v1/events"  # on Quart
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def both(web: Web) -> list[tuple[str, dict[str, str]]]:
    """A call of each lane that takes a body, with its credential."""
    await web.room()
    return [(JOIN, {}), (EVENTS, web.as_("admin"))]


async def test_what_is_not_json_is_malformed(web: Web, both: list[tuple[str, dict[str, str]]]) -> None:
    for path, headers in both:
        for body in (
            b"{",
            b"{'a':1}",
            b"\xff\xfe",
            b"[" * 60_000,
            b'{"a":1} x',
            b"\0",
            b"nul",
        ):
            answer = await web.send("POST", path, content=body, headers={**headers, **JSON})
            assert code(answer) == (400, "malformed_json"), body[:20]
        answer = await web.send("POST", path, content=b'"text"', headers={**headers, **JSON})
        assert field_of(answer) == "body"


async def test_text_has_to_be_utf_8(web: Web) -> None:
    await web.room()
    answer = await web.send("POST", JOIN, content=b'{"email":"\xff"}', headers=JSON)
    assert code(answer) == (400, "malformed_json")


async def test_another_media_type_is_not_taken(web: Web, both: list[tuple[str, dict[str, str]]]) -> None:
    for path, headers in both:
        for media in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin-1",
            "",
        ):
            sent = {**headers, "Content-Type": media}
            answer = await web.send("POST", path, content=b"{}", headers=sent)
            assert code(answer) == (415, "unsupported_media_type"), media
        sent = {**headers, "Content-Type": "application/json; charset=UTF-8"}
        assert (await web.send("POST", path, content=b"{}", headers=sent)).status_code in (201, 422)


async def test_a_body_that_is_too_large_is_refused(web: Web, both: list[tuple[str, dict[str, str]]]) -> None:
    large = b'{"email":"' + b"a" * 70_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for i in range(0, len(large), 1000):
            yield large[i : i + 1000]

    for path, headers in both:
        for content in (large, chunks()):
            answer = await web.send("POST", path, content=content, headers={**headers, **JSON})
            assert code(answer) == (413, "body_too_large")
    padded = b"{" + b" " * (64 * 1024 - 2) + b"}"
    assert (await web.send("POST", JOIN, content=padded, headers=JSON)).status_code == 201
    assert code(await web.send("POST", JOIN, content=padded + b" ", headers=JSON)) == (413, "body_too_large")


async def test_a_body_that_does_not_come_is_not_waited_for(stores: Stores, settings: Settings) -> None:

    async def stalled(*sent: bytes) -> AsyncIterator[bytes]:
        for it in sent:
            yield it
        await asyncio.Event().wait()

    async with served(settings.model_copy(update={"body_timeout_s": 0.1})) as web:
        await web.room()
        for sent in ([], [b"{"]):
            for path in (JOIN, "/v1/reservations/abc/confirm"):
                answer = await web.send("POST", path, content=stalled(*sent), headers=JSON)
                assert code(answer) == (400, "malformed_json"), (path, sent)


async def test_a_body_where_none_is_taken(web: Web) -> None:
    await web.room()
    path = "/v1/rooms/hall/pause"
    assert (await web.post(path, {}, headers=web.as_("admin"))).status_code == 200
    assert field_of(await web.post(path, {"now": True}, headers=web.as_("admin"))) == "now"


async def test_no_body_where_one_is_needed(web: Web) -> None:
    assert code(await web.send("POST", EVENTS, headers=web.as_("admin"))) == (400, "malformed_json")


@pytest.mark.parametrize("sent", ["abc", "a" * 128, "trace:1/2=3"])
async def test_a_sane_request_id_is_kept(web: Web, sent: str) -> None:
    await web.room()
    for path in ("/v1/rooms/hall", "/v1/rooms", "/nowhere", "/livez"):
        assert (await web.get(path, headers={"X-Request-Id": sent})).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a" * 129, "a b", "é", "<script>"])
async def test_any_other_request_id_is_replaced(web: Web, sent: str) -> None:
    found = set()
    for path in ("/v1/rooms/hall", "/v1/rooms", "/nowhere"):
        headers = {"X-Request-Id": sent.encode()}
        found.add((await web.get(path, headers=headers)).headers["x-request-id"])
    assert sent not in found
    assert len(found) == 3


async def test_ids_that_cannot_be_are_not_found(web: Web) -> None:
    for room_id in ("HALL", "a" * 41, "-a", "a%00b", "%7Bx%7D", "a:b"):
        assert code(await web.get(f"/v1/rooms/{room_id}")) == (404, "room_not_found"), room_id
        assert code(await web.post(f"/v1/rooms/{room_id}/places")) == (404, "room_not_found"), room_id
        assert code(await web.get(f"/v1/events/{room_id}")) == (404, "event_not_found"), room_id
    odd = await web.get("/v1/reservations/a%00b", headers=web.as_("admin"))
    assert code(odd) == (404, "reservation_not_found")
    assert code(await web.get("/v1/rooms/hall/")) == (404, "not_found")
    assert code(await web.get("/v1//rooms/hall")) == (404, "not_found")


async def test_our_files_know_their_methods(web: Web) -> None:
    path = load_assets().url("queue.js")
    assert (await web.get(path)).status_code == 200
    assert (await web.send("HEAD", path)).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await web.send(method, path)
        assert code(answer) == (405, "method_not_allowed"), method
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    response = await web.send("OPTIONS", path)
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    for none in ("/queue.js", "x/none.js", "x/../queue.js", "queue.js", ""):
        assert code(await web.get(f"/static/{none}")) == (404, "not_found"), none


async def test_other_origins_get_nothing_by_default(web: Web) -> None:
    await web.room()
    for path in ("/v1/rooms/hall", "/v1/rooms"):
        answer = await web.get(path, headers={"Origin": "https://shop.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_named_origins_may_read_and_ask_first(settings: Settings) -> None:
    named = settings.model_copy(update={"cors_origins": ["https://shop.example"]})
    async with served(named) as web:
        await web.room()
        for path in ("/v1/rooms/hall", "/v1/rooms", "/nowhere"):
            answer = await web.get(path, headers={"Origin": "https://shop.example"})
            assert answer.headers["access-control-allow-origin"] == "https://shop.example"
            assert "Origin" in answer.headers["vary"].split(", ")
            other = await web.get(path, headers={"Origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers
        for path in (load_assets().url("queue.js"), "/"):  # a single line: old nginx only uses the last
            [vary] = (await web.get(path)).headers.get_list("vary")
            assert vary.startswith("Accept-Encoding, "), path
            assert vary.endswith(", Origin"), path
        headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
        preflight = await web.send("OPTIONS", JOIN, headers=headers)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        taken = set(preflight.headers["access-control-allow-headers"].split(", "))
        # Our own page's, browsers', a shop's server that reads its KnownUser configuration, and Stripe's.
        of_others = {"X-Place-Cookie", "Last-Event-ID", "If-None-Match", "api-key", "Stripe-Signature"}
        read = {it for call in CALLS if not call.below and call.auth != GATEWAY for it in call.headers}
        assert read - of_others <= taken


async def test_a_mistake_of_ours_is_told_without_its_traceback(web: Web) -> None:
    object.__setattr__(web.app, "contract", 1 / 3)  # something our code would never do
    answer = await web.get("/openapi.json")
    assert code(answer) == (500, "internal_error")
    assert "Traceback" not in answer.text
