"""The request log: one line per request with its response's id, and no private data."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app import logs
from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE
from app.web.http import request_log
from app.web.pages.visitor_pages import FORMS, PAGES
from tests.contract.test_every_call import STREAMS, filled, headers_for
from tests.routes.conftest import Web, bearer, code
from tests.routes.http.test_trailing_slashes import address
from tests.routes.system.test_store_outages import Wires, wires

__all__ = ["wires"]

SECRET = "do-not-log-me"


class Log:
    """The lines written since it was last read."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream
        self.text = ""

    def read(self) -> list[dict[str, Any]]:
        """All of them; fails on anything that is not JSON."""
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        self.text += text
        return [json.loads(it) for it in text.splitlines()]

    def of(self, request_id: str) -> list[dict[str, Any]]:
        """The lines of one request."""
        return [it for it in self.read() if it.get("request_id") == request_id]


@pytest.fixture
def log() -> Iterator[Log]:
    """Logging as a web process has it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(Settings(log_format="json"), "web")
    stream, [handler] = io.StringIO(), root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield Log(stream)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_a_500_has_one_line_with_its_id_and_the_reason(web: Web, stores: Stores, log: Log) -> None:
    """For a crowd's call, a staff call, a page and a form, with a table missing, as after a bad migration."""
    await web.event()
    staff = await web.staff()
    ours = {"Origin": "http://fairgate.test"}
    requests = [
        ("GET", "/v1/events/gala", {}),
        ("GET", "/v1/events", {}),
        ("GET", "/v1/orders", web.as_("operator")),
        ("GET", "/events/gala", {"Accept": "text/html"}),
        ("GET", "/admin/orders", staff),
        ("POST", "/events/gala/reserve", ours),
    ]
    await stores.postgres.execute("ALTER TABLE events RENAME name TO name_")
    await stores.postgres.execute("ALTER TABLE reservations RENAME items TO items_")
    log.read()
    try:
        for method, path, headers in requests:
            answer = await web.send(method, path, headers=headers)
            assert answer.status_code == 500, (path, answer.text)
            [line] = log.of(answer.headers["x-request-id"])
            assert line["level"] == "error", path
            assert line["status"] == 500
            assert "UndefinedColumnError" in line["exception"], path
            assert line["call"]
    finally:
        await stores.postgres.execute("ALTER TABLE events RENAME name_ TO name")
        await stores.postgres.execute("ALTER TABLE reservations RENAME items_ TO items")


async def test_every_answer_above_500_has_one_line_with_its_id(wires: Wires, log: Log) -> None:
    """For all routes, with both stores unreachable."""
    web = wires.web
    await web.event()
    await web.room()
    staff = await web.staff()
    calls = [it for it in CALLS if it.name not in STREAMS and not (it.auth and it.auth.signs_body)]
    known = {it.name: await headers_for(web, it) for it in calls if it.auth and it.auth.name != "booking"}
    await wires.redis.cut()
    await wires.postgres.cut()
    log.read()
    requests = [
        (it.method, filled(it.path).replace("/hall", "/gala"), known.get(it.name, {})) for it in calls
    ]
    requests += [("GET", address(it).replace("/hall", "/gala"), {"Accept": "text/html"}) for it in PAGES]
    requests += [("POST", address(it).replace("/hall", "/gala"), staff) for it in FORMS]
    requests += [(it.method, address(it.path).replace("/hall", "/gala"), staff) for it in CONSOLE]
    answers = await asyncio.gather(*(web.send(it[0], it[1], headers=it[2]) for it in requests))
    written = log.read()
    failed = {it.headers["x-request-id"] for it in answers if it.status_code >= 500}
    assert len(failed) > 50
    for request_id in failed:
        [line] = [it for it in written if it.get("request_id") == request_id and "status" in it]
        assert line["status"] >= 500


async def test_calls_of_staff_pages_and_forms_have_a_line_and_crowds_do_not(web: Web, log: Log) -> None:
    await web.event()
    staff = await web.staff()
    log.read()
    for method, path, headers, call in (
        ("GET", "/v1/orders", web.as_("operator"), "list_orders"),
        ("GET", "/admin/orders", staff, "console_get_order_list"),
        ("POST", "/rooms/gala/join", {"Origin": "http://fairgate.test"}, "form_join"),
        ("GET", "/nothing", {"Accept": "text/html"}, ""),
    ):
        answer = await web.send(method, path, headers=headers)
        [line] = log.of(answer.headers["x-request-id"])
        assert (line["level"], line["call"], line["status"]) == ("info", call, answer.status_code), path
    for _ in range(20):
        await web.join("gala")
        await web.get("/v1/rooms/gala")
        await web.get("/rooms/gala", headers={"Accept": "text/html"})
        await web.get("/v1/nothing")
        await web.get("/livez")
    assert len(log.read()) < 5


async def test_of_a_crowd_one_in_so_many_has_a_line(
    web: Web, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "ONE_IN", 5)
    await web.room()
    log.read()
    for _ in range(10):
        await web.get("/v1/rooms/hall")
    found = log.read()
    assert [it["call"] for it in found] == ["status", "status"]
    assert all(it["room_id"] == "hall" for it in found)


async def test_what_is_slow_says_where_its_time_went(
    web: Web, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "SLOW_S", 0.0)
    await web.event()
    staff = await web.staff()
    log.read()
    form = {"step": "pause"}
    answers = [
        await web.get("/admin/orders", headers=staff),
        await web.post("/admin/rooms/gala/state", data=form, headers=staff),
    ]
    written = log.read()
    spent: dict[str, float] = {}
    for answer in answers:
        [line] = [it for it in written if it.get("request_id") == answer.headers["x-request-id"]]
        spent |= line["spent_ms"]
        assert sum(line["spent_ms"].values()) <= line["ms"] + 1
    assert {"body", "postgres", "redis", "render"} <= spent.keys()


async def test_no_line_has_a_token_an_address_or_a_query(web: Web, log: Log) -> None:
    await web.event()
    place = (await web.join("gala", json={"email": f"{SECRET}@example.org"}))["place_token"]
    sign_in = {"email": f"{SECRET}@example.org", "password": SECRET}
    await web.post("/v1/login", sign_in)
    await web.get(f"/v1/orders?q={SECRET}", headers=web.as_("operator"))
    await web.get(f"/rooms/gala?return_to={SECRET}", headers={"Cookie": f"fairgate_place_gala={place}"})
    await web.get(f"/{SECRET}")
    await web.get("/v1/rooms/gala/places/me", headers=bearer(SECRET))
    assert code(await web.get("/v1/users/me", headers=bearer(SECRET)))[0] == 401
    assert log.read()
    assert SECRET not in log.text
    assert place not in log.text


async def test_a_line_of_a_shared_reading_is_no_requests(web: Web, log: Log) -> None:
    """The value is read once for many requests, so it carries no request's id, not even the first one's."""
    await web.room()
    found: list[dict[str, Any]] = []

    async def read(_key: str = "") -> int:
        structlog.contextvars.get_contextvars()
        found.append(structlog.contextvars.get_contextvars())
        return 1

    with structlog.contextvars.bound_contextvars(request_id="mine"):
        await web.app.caches.reservation_counts.get("x", read)  # type: ignore[arg-type]  # any reading will do
    assert found == [{}]
