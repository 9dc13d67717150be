"""An organiser working alone, from a draft to an open sale: rehearsed, published, changed, and reverted."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import open_signed_in

pytestmark = pytest.mark.browser


async def tab(page: Page, name: str) -> None:
    """Go to another page of the sale."""
    tabs = page.get_by_role("navigation", name="This sale")
    await tabs.get_by_role("link", name=name, exact=True).click()
    await expect(tabs.locator("[aria-current]")).to_have_text(name)


async def test_a_draft_is_rehearsed_published_opened_and_edited(
    visitor: OpenContext, product: Product
) -> None:
    page = await (await visitor(viewport={"width": 320, "height": 740})).new_page()
    room_id = await product.a_sale(opened=False, event={"published": False, "venue": "Velodrome"})
    here = f"{product.url}/admin/rooms/{room_id}"
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/overview")
    await expect(page.locator(".life [aria-current]")).to_contain_text("Draft")
    await page.get_by_role("button", name="Start a rehearsal").click()
    await expect(page.get_by_text("This is a rehearsal.")).to_be_visible()
    await page.get_by_text("Wipe the rehearsal", exact=True).click()
    await page.get_by_role("button", name="Wipe it").click()
    await expect(page).to_have_url(f"{here}/overview")
    await page.get_by_role("button", name="Publish", exact=True).click()
    await expect(page.locator(".life [aria-current]")).to_contain_text("Published")
    await tab(page, "Cockpit")
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect(page.locator("[data-cockpit] .chip").first).to_have_text("open")
    await tab(page, "Edit")
    await page.get_by_label("Venue").fill("Arena")
    await page.get_by_label("How many of Standing").fill("1.200")
    await page.get_by_role("button", name="Review the changes").click()
    await expect(page.get_by_text("1,100 more go on sale at once")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    await page.get_by_role("button", name="Make these changes").click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    event = await product.staff("GET", f"/v1/events/{room_id}")
    assert (event["venue"], event["ticket_types"][0]["total"]) == ("Arena", 1200)
    await page.get_by_role("button", name="Undo", exact=True).click()
    await expect(page.get_by_label("Venue")).to_have_value("Velodrome")
    event = await product.staff("GET", f"/v1/events/{room_id}")
    assert (event["venue"], event["ticket_types"][0]["total"]) == ("Velodrome", 100)
