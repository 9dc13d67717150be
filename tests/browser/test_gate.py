"""The gate in front of a shop on another host: a browser goes the whole way round, through a real proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.gated import Gated, available, fairgate, gated

PASS = "fairgate_pass_"


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """A product that has a name of its own."""
    with fairgate() as found:
        yield found


@pytest.fixture(scope="module", params=["nginx"])
async def site(request: pytest.FixtureRequest, product: Product) -> AsyncIterator[Gated]:
    """The shop behind each proxy."""
    if not available(request.param):
        pytest.skip(f"no {request.param} here (apt-get install {request.param})")
    async with gated(product, request.param, f"shop-{request.param}") as found:
        yield found


async def test_whoever_is_called_arrives_where_they_wanted_to_go(page: Page, site: Gated) -> None:
    await site.set(admission_rate_per_minute=0)
    await page.goto(f"{site.url}/cart?a=1&b=%20x")
    assert page.url.startswith(site.queue + "?return_to=")
    await expect(page.get_by_role("heading", name="You are in line")).to_be_visible()
    await site.set(admission_rate_per_minute=6000)
    await expect(page.get_by_role("heading", name="Shop GET /cart?a=1&b=%20x")).to_be_visible()
    assert page.url == f"{site.url}/cart?a=1&b=%20x"
    (kept,) = [it for it in await page.context.cookies(site.url) if it.get("name") == PASS + site.room_id]
    assert (kept.get("httpOnly"), kept.get("sameSite"), kept.get("domain")) == (True, "Lax", "shop.localhost")
    await page.reload()
    await expect(page.get_by_role("heading", name="Shop GET /cart")).to_be_visible()
    second = await page.context.new_page()
    await second.goto(f"{site.url}/other")
    assert second.url == f"{site.url}/other"
    assert await page.evaluate("fetch('/basket', {method: 'POST', body: 'x'}).then(it => it.status)") == 200


async def test_the_way_round_without_scripts(plain_page: Page, site: Gated) -> None:
    await site.set(admission_rate_per_minute=0)
    await plain_page.goto(f"{site.url}/plain")
    await plain_page.get_by_role("button", name="Join the line").click()
    await site.set(admission_rate_per_minute=6000)
    await expect(plain_page.get_by_role("button", name="Go in now")).to_be_visible()
    await plain_page.get_by_role("button", name="Go in now").click()
    await plain_page.get_by_role("link", name="Go on").click()
    await expect(plain_page.get_by_role("heading", name="Shop GET /plain")).to_be_visible()
    assert plain_page.url == f"{site.url}/plain"


async def test_what_no_pass_is_told(site: Gated) -> None:
    await site.set(admission_rate_per_minute=0)
    page = await site.ask("/cart?a=1")
    assert page.status_code == 302
    goal = urlsplit(page.headers["location"])
    assert f"{goal.scheme}://{goal.netloc}{goal.path}" == site.queue
    assert parse_qs(goal.query) == {"return_to": [f"{site.url}/cart?a=1"]}
    for answer in (await site.ask("/cart", "POST"), await site.ask("/api", page=False)):
        assert answer.status_code == 401
        assert answer.json()["queue_url"] == answer.headers["x-fairgate-queue"]
        assert answer.headers["x-fairgate-queue"].startswith(site.queue)
