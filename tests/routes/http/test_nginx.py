"""The nginx of `deploy/` in front of Fairgate: nobody gets a response created for somebody else."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest

from app.settings import Settings
from app.store.connections import Stores
from app.web.api.registry import CALLS
from app.web.console.frame import CONSOLE
from app.web.http.cache_control import PUBLIC
from app.web.pages.visitor_pages import PAGES
from load.servers.proxy import PLACES, proxied
from tests.contract.test_every_call import STREAMS, filled
from tests.routes.conftest import Web, served
from tests.routes.http.test_trailing_slashes import address
from tests.security.test_floods import a_slow_body, status_from
from tests.support.app_server import serve_app
from tests.support.http import plain_client
from tests.support.waiting import wait_until

SHOP, BLOG, STRANGER = "https://shop.example", "https://blog.example", "https://evil.example"
ENDLESS = {"/admin/rooms/<room_id>/events", "/admin/alerts/now/events"}
MARK = "x-cache"
BUSY = (502, 503, 504)
NOT_READY = "/readyz"  # no worker is running
CONNECTIONS_MAX = 400  # `limit_conn` in the file

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path=os.pathsep.join(PLACES)) is None,
    reason="no nginx: `make test` installs it where it is root",
)


class Front(NamedTuple):
    """Fairgate, directly and through nginx."""

    web: Web
    direct: httpx.AsyncClient
    nginx: httpx.AsyncClient


@pytest.fixture
async def front(stores: Stores, settings: Settings) -> AsyncIterator[Front]:
    """The app behind nginx, for the sites of two other origins."""
    async with (
        served(settings.model_copy(update={"cors_origins": [SHOP, BLOG]})) as web,
        serve_app(web.quart) as url,
        proxied(url) as (through, _),
        plain_client(url, timeout=30) as direct,
        plain_client(through, timeout=30) as nginx,
    ):
        yield Front(web, direct, nginx)


async def ask(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> httpx.Response:
    """One GET, as if by a new browser; repeated while we are busy or if nginx has timed out on us."""

    async def answered() -> httpx.Response | None:
        http.cookies.clear()
        answer = await http.get(path, headers={"accept-encoding": "identity", **headers})
        return None if answer.status_code in BUSY and path != NOT_READY else answer

    answer = await wait_until(answered, f"an answer to {path}")
    assert answer is not None
    return answer


def made_for(answer: httpx.Response) -> tuple[object, ...]:
    """The part of a response that depends on who asked."""
    headers = answer.headers
    return (
        answer.status_code,
        headers.get("access-control-allow-origin"),
        headers.get("access-control-allow-credentials"),
        headers.get("content-encoding"),
        headers.get("cache-control"),
        headers.get("content-type"),
    )


def every_path() -> set[str]:
    """Every page and every finite GET, for one published and one unpublished sale."""
    paths = {filled(it.path) for it in CALLS if it.method == "GET" and it.name not in STREAMS}
    paths |= {it.replace("/hall", "/gala") for it in paths}
    paths |= {it.replace("/gala", "/secret") for it in paths}
    paths |= {address(it).replace("/hall", "/gala") for it in PAGES}
    pages = {it.path for it in CONSOLE if it.method == "GET"} - ENDLESS
    paths |= {address(it).replace("/hall", "/gala") for it in pages}
    paths |= {"/docs", "/nowhere", "/v1/nowhere"}
    apart = {"/metrics", "/readyz"}  # for operators, not through nginx
    # called by a shop's proxy; the address is in its headers
    return paths - apart - {"/v1/gate"}


async def compare(front: Front, path: str, headers: dict[str, str], cached: set[str]) -> str:
    """nginx's cache status, once both ways gave the same response; empty if it did not use its cache."""
    through = await ask(front.nginx, path, headers)
    direct = await ask(front.direct, path, headers)
    assert made_for(through) == made_for(direct), (path, headers)
    if through.headers.get(MARK) == "HIT":
        cached.add(path)
        assert path.startswith("/static/") or "Authorization" not in headers, path
    return str(through.headers.get(MARK, ""))


async def compare_all(front: Front, path: str, askers: list[dict[str, str]], cached: set[str]) -> None:
    """Send all requests; if nginx caches the path, send them again in reverse, to read what was cached."""
    results = [await compare(front, path, headers, cached) for headers in askers]
    if any(results):
        for headers in askers[-2::-1]:
            await compare(front, path, headers, cached)


@pytest.mark.timeout(300)  # it makes every call, as everybody who might
async def test_every_answer_through_nginx_is_the_one_made_for_who_asks(front: Front) -> None:
    web = front.web
    await web.event()
    await web.event("secret", published=False, opened=False)
    staff = await web.staff()
    token, cookie = web.as_("admin"), {"Cookie": staff["Cookie"]}
    askers: list[dict[str, str]] = [
        {},
        {"Origin": SHOP},
        {"Origin": BLOG, "accept-encoding": "gzip"},
        {"Origin": STRANGER},
        {**token, "Origin": SHOP},
        token,
        cookie,
        {"accept-encoding": "gzip"},
        {"Accept": "text/html", "accept-encoding": "gzip"},
    ]
    sheet = (await ask(front.direct, "/", {})).text.partition('href="/static/')[2].partition('"')[0]
    paths = every_path() | {f"/static/{sheet}"}
    cached: set[str] = set()
    for some in (list(paths)[i::8] for i in range(8)):
        await asyncio.gather(*(compare_all(front, path, askers, cached) for path in some))
    for path in ("/v1/rooms/gala", "/v1/events/gala/availability", f"/static/{sheet}"):

        async def is_kept(path: str = path) -> bool:  # for a second: a late request asks once more
            return path in cached or (await ask(front.nginx, path, {})).headers.get(MARK) == "HIT"

        await wait_until(is_kept, f"{path} to be cached")
    assert all(it.startswith(("/static/", "/v1/rooms/", "/v1/events/")) for it in cached), cached
    assert not any("secret" in it and "events" in it for it in cached)


async def test_what_is_for_everybody_is_in_the_table_and_nothing_else(front: Front) -> None:
    """Including what staff see of an event that is not yet published."""
    web = front.web
    await web.event()
    await web.event("secret", published=False, opened=False)
    staff = await web.staff()
    for call in CALLS:
        if call.method != "GET" or call.name in STREAMS:
            continue
        for event_id in ("gala", "secret"):
            path = filled(call.path).replace("/hall", f"/{event_id}").replace("/gala", f"/{event_id}")
            for headers in ({}, web.as_("admin"), staff):
                answer = await ask(front.direct, path, headers)
                cache_control = answer.headers["cache-control"]
                if answer.status_code < 300 and call.name in PUBLIC and event_id == "gala":
                    assert cache_control == PUBLIC[call.name][1].decode(), call.name
                elif "{event_id}" in call.path or call.name not in PUBLIC:
                    assert "no-store" in cache_control, (call.name, event_id)
    for path in [address(it) for it in PAGES] + ["/docs", "/nowhere", "/v1/nowhere"]:
        cache_control = (await ask(front.direct, path, staff)).headers["cache-control"]
        assert "public" not in cache_control, path


async def test_what_is_withdrawn_is_gone_from_nginx(front: Front) -> None:
    """nginx keeps serving stale content while it refreshes: it must learn that there is nothing now."""
    web, path = front.web, "/v1/events/gala/availability"
    await web.event()

    async def shown() -> bool:
        return str((await ask(front.nginx, path, {})).headers.get(MARK)) == "HIT"

    await wait_until(shown, "the cache")
    hidden = await web.send("PATCH", "/v1/events/gala", json={"published": False}, headers=web.as_("admin"))
    assert hidden.status_code == 200

    async def has_ended() -> bool:
        return (await ask(front.nginx, path, {})).status_code == 404

    await wait_until(has_ended, "the end of it")
    assert (await ask(front.nginx, path, web.as_("admin"))).status_code == 200
    assert (await ask(front.nginx, path, {})).status_code == 404


async def test_one_address_has_so_many_connections(front: Front) -> None:
    """Slow bodies stay in nginx, for ten seconds each, and those from one address keep nobody else out."""
    url, slow = str(front.nginx.base_url).rstrip("/"), []

    async def some_more() -> bool:
        for _ in range(CONNECTIONS_MAX // 2):
            slow.append(await a_slow_body(url, "127.0.0.1"))
        return (await status_from(url, "127.0.0.1", "/livez")).startswith(b"HTTP/1.1 429 ")

    try:
        await wait_until(some_more, "a refusal")
        assert (await status_from(url, "127.0.0.2", "/livez")).startswith(b"HTTP/1.1 200 ")
    finally:
        for _, writer in slow:
            writer.close()
