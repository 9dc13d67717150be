"""What must hold for every page: its headers, its weight, who may press its buttons, its scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect
from playwright.async_api import Request as PageRequest

from app.web.pages.render import CONTENT_SECURITY_POLICY
from tests.browser.conftest import OpenContext, Product
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

KEYS_MAX = 12  # until the last element of the page has the focus
WEIGHT_MAX = 20_000  # bytes of the queue page's first load, compressed: our HTML, CSS and JavaScript


@pytest.fixture
async def client(product: Product) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's requests without a browser: cookies are kept, redirects are not followed."""
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
    async with httpx.AsyncClient(verify=False, base_url=product.url, headers=headers, timeout=20) as client:
        yield client


async def join(client: httpx.AsyncClient, room_id: str, query: str = "") -> None:
    """Load the page and press its button."""
    await client.get(f"/rooms/{room_id}{query}")
    response = await client.post(f"/rooms/{room_id}/join{query}")
    assert (response.status_code, response.headers["location"]) == (303, f"/rooms/{room_id}{query}")


@pytest.mark.parametrize("language", ["en", "ar", "pl", "ja"])
async def test_the_first_load_of_the_queue_page_is_light(
    visitor: OpenContext, product: Product, language: str
) -> None:
    page = await (await visitor(locale=language)).new_page()
    room_id = await product.a_sale()
    weights: dict[str, int] = {}

    def weigh(request: PageRequest) -> None:
        if "/v1/" not in request.url:
            weights[request.url] = 0

    page.on("requestfinished", weigh)
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.locator('[data-panel="waiting"]')).to_be_visible()
    await page.wait_for_load_state("load")
    async with httpx.AsyncClient(
        verify=False, timeout=20, headers={"Accept-Encoding": "gzip", "Accept-Language": language}
    ) as client:
        for url in list(weights):  # an icon may still arrive
            async with client.stream("GET", url) as response:
                weights[url] = sum([len(part) async for part in response.aiter_raw()])
    assert len(weights) > 5
    assert sum(weights.values()) < WEIGHT_MAX, weights


async def test_every_answer_is_sealed(client: httpx.AsyncClient, product: Product) -> None:
    room_id = await product.a_sale()
    paths = [
        "/",
        f"/rooms/{room_id}",
        f"/events/{room_id}",
        "/rooms/nowhere",
        "/reservations/none",
        "/nothing",
    ]
    for path in paths:
        response = await client.get(path)
        assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert response.headers["x-content-type-options"] == "nosniff", path
        assert response.headers["referrer-policy"] == "same-origin", path
        assert response.headers["cache-control"] == "private, no-store", path
        assert response.headers["x-request-id"], path
        assert not re.search(r"<style|style=|<script(?![^>]* src=)| on[a-z]+=", response.text), path
        assert not re.search(r"(src|href|action)=\"(https?:)?//", response.text), path


async def test_files_are_kept_for_good_and_compressed(client: httpx.AsyncClient) -> None:
    sheet = re.search(r'href="(/static/[^"]+\.css)"', (await client.get("/")).text)
    assert sheet is not None
    response = await client.get(sheet[1])
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["x-content-type-options"] == "nosniff"
    plain = await client.get(sheet[1], headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == response.content
    head = await client.head(sheet[1])
    assert (head.status_code, head.content) == (200, b"")
    assert (await client.get("/static/older/fairgate.css")).headers["cache-control"] == "private, max-age=60"
    assert (await client.get("/static/older/none.css")).status_code == 404


async def test_another_site_presses_no_button(client: httpx.AsyncClient, product: Product) -> None:
    room_id = await product.a_sale()
    await join(client, room_id)
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        response = await client.post(f"/rooms/{room_id}/leave", headers=headers)
        assert response.status_code == 403, headers
        assert "That request did not come from our page" in response.text, headers
    assert (await product.status(room_id))["waiting"] == 1


async def test_newcomers_share_a_page_that_is_nobody_elses(
    client: httpx.AsyncClient, product: Product
) -> None:
    room_id = await product.a_sale(allowed_return_hosts=["shop.example"])
    path, back = f"/rooms/{room_id}", "return_to=https%3A%2F%2Fshop.example%2F"
    first = (await client.get(path)).text
    assert 'data-shown="door"' in first
    assert '<html lang="en"' in first
    assert back not in first
    assert back in (await client.get(f"{path}?{back}")).text
    assert '<html lang="de"' in (await client.get(path, headers={"Accept-Language": "de"})).text
    await client.post(f"{path}/join", headers={"Origin": product.url})
    assert 'data-shown="waiting"' in (await client.get(path)).text
    async with httpx.AsyncClient(
        verify=False, timeout=20, base_url=product.url, headers={"Accept": "text/html"}
    ) as other:
        assert 'data-shown="door"' in (await other.get(path)).text
    await product.staff("PATCH", f"/v1/rooms/{room_id}", {"message": "Doors at eight"})

    async def is_shown() -> bool:
        client.cookies.clear()
        return "Doors at eight" in (await client.get(path)).text

    await wait_until(is_shown, "the message on the page")


async def test_our_own_forms_are_taken(client: httpx.AsyncClient, product: Product) -> None:
    room_id = await product.a_sale()
    await client.get(f"/rooms/{room_id}")
    for headers in (
        {"Origin": product.url},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://tls.example"},
    ):
        response = await client.post(f"/rooms/{room_id}/join", headers=headers)
        assert response.status_code == 303
        assert response.headers["location"] == f"/rooms/{room_id}"


async def test_addresses_nobody_knows(client: httpx.AsyncClient, product: Product) -> None:
    for path in (
        "/nothing",
        "/rooms/none",
        "/rooms/A%20b",
        "/rooms/%00",
        "/events/none",
        "/reservations/none",
    ):
        response = await client.get(path)
        assert response.status_code == 404, path
        assert response.headers["content-type"] == "text/html; charset=utf-8", path
    problem = await client.get("/nothing", headers={"Accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"


async def test_forms_that_make_no_sense_change_nothing(client: httpx.AsyncClient, product: Product) -> None:
    room_id = await product.a_sale(admission_rate_per_minute=6000)
    await join(client, room_id)
    entered = await client.post(f"/rooms/{room_id}/enter")
    assert entered.headers["location"] == f"/events/{room_id}"
    for quantity in ("-1", "1e9", "1.5", "\u2460", "9" * 30, "x", "<b>"):
        response = await client.post(f"/events/{room_id}/reserve", data={"quantity.standing": quantity})
        assert response.status_code == 422, quantity
    assert (await client.post(f"/events/{room_id}/reserve", data={"quantity.none": "1"})).status_code == 422
    assert (await client.post(f"/events/{room_id}/reserve", content=b"a=" + b"b" * 70_000)).status_code == 413
    assert (await client.post(f"/rooms/{room_id}/nothing")).status_code == 404
    availability = await product.staff("GET", f"/v1/events/{room_id}/availability")
    assert availability["ticket_types"][0]["free"] == 100


async def test_the_gate_brings_its_visitors_back(client: httpx.AsyncClient, product: Product) -> None:
    room_id = "gated"
    settings = {"name": "Gated", "target_url": "https://shop.example/", "admission_rate_per_minute": 6000}
    await product.staff("POST", "/v1/rooms", {"room_id": room_id, **settings})
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    query = "?return_to=https%3A%2F%2Fshop.example%2Fcart%3Fa%3D1"
    await join(client, room_id, query)
    assert (await client.post(f"/rooms/{room_id}/enter{query}")).headers[
        "location"
    ] == f"/rooms/{room_id}{query}"
    assert f'href="/rooms/{room_id}/go{query}"' in (await client.get(f"/rooms/{room_id}{query}")).text
    evil = "?return_to=https%3A%2F%2Fevil.example%2F"
    assert f'href="/rooms/{room_id}/go"' in (await client.get(f"/rooms/{room_id}{evil}")).text
    for asked, goal in ((query, "https://shop.example/cart?a=1&"), (evil, "https://shop.example/?")):
        handed_over = await client.get(f"/rooms/{room_id}/go{asked}")
        assert handed_over.status_code == 302
        assert handed_over.headers["location"].startswith(f"{goal}fairgate_ticket=t1.")
    client.cookies.clear()
    stranger = await client.get(f"/rooms/{room_id}/go{query}")
    assert stranger.headers["location"] == f"/rooms/{room_id}{query}"


async def test_names_are_text_whatever_they_say(page: Page, product: Product) -> None:
    name = "<script>alert(1)</script> \u2728 & 'sons'"
    room_id = await product.a_sale(event={"name": name, "venue": "<i>Hall</i>", "artist": '"Ada"'})
    for path in ("/", f"/rooms/{room_id}", f"/events/{room_id}"):
        await page.goto(product.url + path)
        await expect(page.get_by_text(name).first).to_be_visible()


async def test_no_page_is_wider_than_a_phone(visitor: OpenContext, product: Product) -> None:
    event = {"name": "A rather long name of a concert " * 4}
    busy = await product.a_sale(event=event)
    quiet = await product.a_sale(event=event, admission_rate_per_minute=6000)
    page = await (await visitor()).new_page()
    for path, arrival in (
        ("/", "/"),
        ("/nothing", "/nothing"),
        (f"/rooms/{busy}", f"/rooms/{busy}"),
        (f"/rooms/{quiet}", f"/events/{quiet}"),  # nobody is ahead: the page moves on by itself
    ):
        await page.goto(product.url + path)
        await page.wait_for_url(product.url + arrival)
        await expect(page.locator("h1")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, arrival


async def test_the_queue_page_goes_by_keyboard(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.locator('[data-panel="waiting"]')).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    leave = page.locator("summary").filter(has_text="Leave the queue")
    for _ in range(KEYS_MAX):  # it comes last
        await page.keyboard.press("Tab")
        if await leave.evaluate("it => it === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You left the queue")).to_be_visible()
