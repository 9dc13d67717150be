"""Ways to the console's pages for one site, and for all sites."""

from __future__ import annotations

import itertools
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.console_pages import open_signed_in

_numbers = itertools.count(1)
RULES = [{"path_prefix": "/healthz"}, {"header": "X-Monitor", "value": "yes"}]


async def a_site(product: Product, **settings: Any) -> str:
    """An open room without an event; returns the address of its pages."""
    room_id = f"site-{next(_numbers)}"
    room = {
        "name": "The shop with a name that is longer than a phone is wide",
        "target_url": "https://shop.example/",
    }
    await product.staff("POST", "/v1/rooms", {"room_id": room_id, "bypass": RULES, **room, **settings})
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    return f"/admin/rooms/{room_id}"


async def sites(page: Page, product: Product) -> None:
    await a_site(product, public=False, gate_mode="queue_all")
    await open_signed_in(page, product, "/admin/sites")


async def new_site(page: Page, product: Product) -> None:
    """With nothing filled in, which is invalid."""
    await open_signed_in(page, product, "/admin/sites/new")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def site_cockpit(page: Page, product: Product) -> None:
    """With somebody waiting, and every confirmation expanded."""
    at = await a_site(product, admission_rate_per_minute=0)
    await product.staff("POST", f"/v1{at.removeprefix('/admin')}/places", {})
    await open_signed_in(page, product, f"{at}?advanced=1&limit=nobody")
    await expect(page.locator('[data-series="waiting"]')).to_have_text("1")
    for summary in await page.locator("summary").all():
        if await summary.is_visible():
            await summary.click()


async def connect_site(page: Page, product: Product) -> None:
    """For the option with the most files, and an impossible address."""
    await open_signed_in(page, product, f"{await a_site(product)}/connect?with=haproxy")
    await page.get_by_label("Where it reaches your site").fill("no host")
    await page.get_by_role("button", name="Fill in").click()
    await expect(page.locator(".wrong")).to_be_visible()


async def site_settings(page: Page, product: Product) -> None:
    """With an invalid rule and everything expanded."""
    await open_signed_in(page, product, f"{await a_site(product)}/gate")
    await page.get_by_label("Network", exact=True).first.fill("somewhere")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".wrong")).to_be_visible()
    await page.evaluate("for (const it of document.querySelectorAll('details')) it.open = true")


async def site_preview(page: Page, product: Product) -> None:
    await open_signed_in(page, product, f"{await a_site(product)}/preview")
    await page.get_by_text("Address, user agent and headers").click()
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_text("It is let in and gets a pass")).to_be_visible()


async def site_knownuser(page: Page, product: Product) -> None:
    """With a key just created."""
    at = await a_site(product)
    await open_signed_in(page, product, f"{at}/knownuser")
    await page.get_by_label("Customer id").fill(at.rpartition("/")[2])
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Secret key", exact=True)).not_to_be_empty()
    await page.get_by_text("Remove", exact=True).click()


SITES = [sites, new_site, site_cockpit, connect_site, site_settings, site_preview, site_knownuser]
