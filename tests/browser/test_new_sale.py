"""A sale made in one page: the preview follows what is typed; without scripts a button asks for it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.every_page import staff

pytestmark = pytest.mark.browser


async def fill(page: Page, name: str) -> None:
    """The fields that are not filled in already."""
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Starts", exact=True).fill("2035-05-31T20:00")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await page.get_by_label("Name, row 1", exact=True).fill("Standing")
    await page.get_by_label("Price, row 1").first.fill("45")
    await page.get_by_label("How many, row 1").fill("100")
    await page.get_by_label("Opens").fill("2035-01-31T10:00")


async def test_the_preview_follows_what_is_typed(page: Page, product: Product) -> None:
    await staff(page, product)
    await page.get_by_role("link", name="New sale").click()
    await fill(page, "Winter Gala")
    await expect(page.get_by_text("Wednesday, 31 January 2035, 10:00 (Europe/Berlin)")).to_be_visible()
    look = page.frame_locator("iframe.look")
    await expect(look.get_by_role("heading", name="Winter Gala")).to_be_visible()
    await page.get_by_label("Admitted per minute").fill("77")
    await expect(page.get_by_text("Up to 77 people are admitted per minute")).to_be_visible()
    await page.get_by_role("button", name="Create sale").click()
    await expect(page).to_have_url(f"{product.url}/admin/rooms/winter-gala")
    await page.get_by_role("link", name="Duplicate").click()
    await expect(page.get_by_label("How many, row 1")).to_have_value("100")


async def test_it_is_made_without_scripts(plain_page: Page, product: Product) -> None:
    page = plain_page
    await staff(page, product)
    await page.goto(f"{product.url}/admin/sales/new")
    await fill(page, "Summer Gala")
    await page.get_by_label("Price, row 1").first.fill("cheap")
    await page.get_by_role("button", name="Preview").click()
    price = page.get_by_label("Price, row 1").first
    await expect(price).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text("enter an amount such as 45 or 45.00")).to_be_visible()
    await price.fill("45")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_text("Summer Gala starts.")).to_be_visible()
    await page.get_by_role("button", name="Create sale").click()
    await expect(page.get_by_role("heading", name="Summer Gala")).to_be_visible()
