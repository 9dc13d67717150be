"""The gate in front of a shop on another host: a browser goes the full round trip through a real proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from playwright.async_api import Page, expect

from app.runtime.embedded_stores import free_port
from tests.browser.conftest import Product
from tests.browser.gated_shop import (
    SHOP_NAME,
    GatedShop,
    a_gated_shop,
    a_shop,
    ask_proxy,
    available,
    fairgate,
    start,
)
from tests.support.waiting import wait_until

PASS = "fairgate_pass_"
PROXIES = ("nginx", "haproxy", "caddy", "apache2")
FAILS_OPEN: dict[str, dict[str, str]] = {  # done as each file describes
    "nginx": {"# error_page 502 504 = @open;": "error_page 502 504 = @open;"},
    "haproxy": {
        "    http-request return status 503 hdr Retry-After 5 if { var(txn.fairgate_away) -m found }\n": ""
    },
    "apache2": {
        "# SetEnvIf Request_Protocol ^ FAIRGATE_FAIL_OPEN": "SetEnvIf Request_Protocol ^ FAIRGATE_FAIL_OPEN"
    },
    "caddy": {"\t\theader Retry-After 5\n\t\trespond 503\n": "\t\treverse_proxy 127.0.0.1:SHOP\n"},
}


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """A product with its own host name."""
    with fairgate() as found:
        yield found


@pytest.fixture(scope="module", params=PROXIES)
async def site(request: pytest.FixtureRequest, product: Product) -> AsyncIterator[GatedShop]:
    """The shop behind each proxy."""
    if not available(request.param):
        pytest.skip(f"no {request.param} here (apt-get install {request.param})")
    async with a_gated_shop(product, request.param, f"shop-{request.param}") as found:
        yield found


async def test_whoever_is_called_arrives_where_they_wanted_to_go(page: Page, site: GatedShop) -> None:
    await site.set(admission_rate_per_minute=0)
    await page.goto(f"{site.url}/cart?a=1&b=%20x")
    assert page.url.startswith(site.queue + "?return_to=")
    await expect(page.get_by_role("heading", name="You are in the queue")).to_be_visible()
    await site.set(admission_rate_per_minute=6000)
    await expect(page.get_by_role("heading", name="Shop GET /cart?a=1&b=%20x")).to_be_visible()
    assert page.url == f"{site.url}/cart?a=1&b=%20x"
    (passes,) = [it for it in await page.context.cookies(site.url) if it.get("name") == PASS + site.room_id]
    assert (passes.get("httpOnly"), passes.get("sameSite"), passes.get("domain")) == (
        True,
        "Lax",
        "shop.localhost",
    )
    await page.reload()
    await expect(page.get_by_role("heading", name="Shop GET /cart")).to_be_visible()
    second = await page.context.new_page()
    await second.goto(f"{site.url}/other")
    assert second.url == f"{site.url}/other"
    assert await page.evaluate("fetch('/basket', {method: 'POST', body: 'x'}).then(it => it.status)") == 200


async def test_the_way_round_without_scripts(plain_page: Page, site: GatedShop) -> None:
    await site.set(admission_rate_per_minute=0)
    await plain_page.goto(f"{site.url}/plain")
    await plain_page.get_by_role("button", name="Join the queue").click()
    await site.set(admission_rate_per_minute=6000)
    await expect(plain_page.get_by_role("button", name="Go in now")).to_be_visible()
    await plain_page.get_by_role("button", name="Go in now").click()
    await plain_page.get_by_role("link", name="Continue").click()
    await expect(plain_page.get_by_role("heading", name="Shop GET /plain")).to_be_visible()
    assert plain_page.url == f"{site.url}/plain"


def pass_of(answer: httpx.Response, site: GatedShop) -> dict[str, str]:
    """The pass set by a response, as a browser sends it back."""
    (found,) = [it for it in answer.headers.get_list("set-cookie") if it.startswith(PASS + site.room_id)]
    assert "; HttpOnly; SameSite=Lax" in found
    return {"Cookie": found.partition(";")[0]}


async def test_what_no_pass_is_told(site: GatedShop) -> None:
    await site.set(admission_rate_per_minute=0)
    site.shop.requests.clear()
    page = await site.ask("/cart?a=1")
    assert page.status_code == 302
    goal = urlsplit(page.headers["location"])
    assert f"{goal.scheme}://{goal.netloc}{goal.path}" == site.queue
    assert parse_qs(goal.query) == {"return_to": [f"{site.url}/cart?a=1"]}
    for answer in (await site.ask("/cart", "POST", body="x=1"), await site.ask("/api", page=False)):
        assert answer.status_code == 401
        assert answer.json()["queue_url"] == answer.headers["x-fairgate-queue"]
        assert answer.headers["x-fairgate-queue"].startswith(site.queue)
    for text in ("x", "a.b.c", "e30.e30.e30", "'\"<>"):
        forged = await site.ask("/", headers={"Cookie": f"{PASS}{site.room_id}={text}"})
        assert forged.status_code == 302, text
    odd = await site.ask("/%0d%0aSet-Cookie:%20a=b/?x=%0d%0a")
    assert "a" not in [it.partition("=")[0] for it in odd.headers.get_list("set-cookie")]
    assert "/cart" not in [it.partition(" ")[2] for it in site.shop.requests]
    await site.set(json_response_enabled=True)
    polling = await site.ask("/api?a=1", page=False)
    assert polling.status_code == 302
    assert parse_qs(urlsplit(polling.headers["location"]).query) == {"return_to": [f"{site.url}/api?a=1"]}
    await site.set(json_response_enabled=False)


async def test_with_no_crowd_nobody_sees_the_queue_page(site: GatedShop) -> None:
    paid = {"method": "POST", "path_prefix": "/payments/callback", "cidr": "127.0.0.1/32"}
    await site.set(admission_rate_per_minute=6000, bypass=[{"path_prefix": "/health"}, paid])
    site.shop.requests.clear()
    first = await site.ask("/cart?a=1&b=%20x")
    assert first.status_code == 200
    assert "basket=1; Path=/" in first.headers.get_list("set-cookie")  # the shop's own
    key = pass_of(first, site)
    again = await site.ask("/pay", "POST", body="amount=1", headers=key)
    assert (again.status_code, "amount=1" in again.text) == (200, True)
    assert again.headers.get_list("set-cookie") == ["basket=1; Path=/"]
    assert site.shop.requests == ["GET /cart?a=1&b=%20x", "POST /pay"]
    other_room = await site.ask(
        "/", headers={"Cookie": key["Cookie"].replace(PASS + site.room_id, PASS + "other")}
    )
    assert pass_of(other_room, site) != key  # from another room: they are new here
    spoofed = {
        "X-Original-URL": f"{site.url}/health",
        "X-Forwarded-Uri": "/health",
        "X-Original-Method": "PUT",
    }
    await site.set(admission_rate_per_minute=0)
    assert (await site.ask("/cart", headers=spoofed)).status_code in (302, 401)
    for path, method in (("/health/live", "GET"), ("/payments/callback?id=7", "POST")):
        answer = await site.ask(path, method, body="x=1" if method == "POST" else "", page=False)
        assert (answer.status_code, PASS in answer.headers.get("set-cookie", "")) == (200, False), path
    assert (await site.ask("/payments/callback?id=7")).status_code == 302
    sid = jwt.decode(key["Cookie"].partition("=")[2], options={"verify_signature": False})["sid"]
    await site.product.staff("POST", f"/v1/rooms/{site.room_id}/sessions/{sid}/end", {})

    async def is_over() -> bool:
        return (await site.ask("/", headers=key)).status_code == 302

    await wait_until(is_over, "the end of a session to be known")


async def test_with_redis_away_those_inside_go_on(site: GatedShop) -> None:
    await site.set(admission_rate_per_minute=6000)
    key = pass_of(await site.ask("/"), site)
    with site.product.frozen("valkey"):
        for _ in range(3):
            assert (await site.ask("/cart", headers=key)).status_code == 200
        assert (await site.ask("/cart")).status_code == 302
    await wait_until(lambda: lets_in(site), "newcomers to be admitted again")
    await site.set(gate_fail="open")
    with site.product.frozen("valkey"):
        assert (await site.ask("/cart")).status_code == 200
        assert (await site.ask("/cart", headers=key)).status_code == 200
    await site.set(gate_fail="closed")
    await wait_until(lambda: lets_in(site), "newcomers to be admitted again")


async def lets_in(site: GatedShop) -> bool:
    """Whether the gate admits a newcomer."""
    return (await site.ask("/")).status_code == 200


async def test_one_nginx_serves_the_rooms_of_all_paths(product: Product) -> None:
    if not available("nginx"):
        pytest.skip("no nginx here (apt-get install nginx)")
    rooms, port = ("shop-whole", "shop-tickets"), free_port()
    for room_id in rooms:
        target = {"target_url": f"http://{SHOP_NAME}:{port}/", "gate_mode": "queue_all"}
        await product.staff("POST", "/v1/rooms", {"room_id": room_id, "name": "The shop", **target})
        await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    rules = [{"host": SHOP_NAME, "room_id": rooms[0]}]
    rules += [{"host": SHOP_NAME, "path_prefix": "/tickets", "room_id": rooms[1]}]
    await product.staff("PUT", "/v1/sites", {"sites": rules})
    one_gate = {"/v1/rooms/any/gate?deny=401": "/v1/gate?deny=401"}
    async with a_shop() as shop:
        fairgate_port = urlsplit(product.url).port or 0
        with start("nginx", port, shop.port, fairgate_port, "any", one_gate):

            async def room_of(path: str, **headers: str) -> str:
                answer = await ask_proxy(port, path, headers=headers)
                return urlsplit(answer.headers["location"]).path.rpartition("/")[2]

            async def is_up() -> bool:
                with suppress(httpx.TransportError):
                    return bool(await room_of("/"))
                return False

            await wait_until(is_up, f"nginx on port {port}")
            for path, room_id in (("/", rooms[0]), ("/tickets/7?a=1", rooms[1]), ("/TICKETS", rooms[1])):
                assert await room_of(path) == room_id
            assert await room_of("/tickets", Host=f"{SHOP_NAME.upper()}.:81") == rooms[1]
            for path in ("/a/..%2ftickets", "//tickets", "/;/tickets"):
                assert (await ask_proxy(port, path)).status_code == 403, path
            assert not shop.requests
            assert (await ask_proxy(port, "/", headers={"Host": "other.localhost"})).status_code == 200


@pytest.mark.parametrize("proxy", PROXIES)
async def test_with_fairgate_away_the_file_says_who_passes(proxy: str) -> None:
    if not available(proxy):
        pytest.skip(f"no {proxy} here (apt-get install {proxy})")
    async with a_shop() as shop:
        opened = {old: new.replace("SHOP", str(shop.port)) for old, new in FAILS_OPEN[proxy].items()}
        changes: dict[str, str]
        for changes, status in (({}, 503), (opened, 200)):
            port = free_port()
            with start(proxy, port, shop.port, free_port(), "shop", changes):

                async def answer(port: int = port) -> httpx.Response | None:
                    with suppress(httpx.TransportError):
                        return await ask_proxy(port, "/")
                    return None

                found = await wait_until(answer, f"{proxy} on port {port}")
                assert found is not None
                assert found.status_code == status
                assert found.headers.get("retry-after") == ("5" if status == 503 else None)
    assert shop.requests == ["GET /"]
