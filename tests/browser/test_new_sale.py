"""A sale created on one page: the preview follows the input; without scripts, a button updates it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser.conftest import Product
from tests.browser.console_pages import open_signed_in, open_signed_in_by_form
from tests.browser.every_page import fill_new_sale
from tests.browser.test_theme import PNG

pytestmark = pytest.mark.browser


async def test_the_preview_follows_what_is_typed(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin")
    await page.get_by_role("link", name="New sale").click()
    await fill_new_sale(page, "Winter Gala")
    await expect(page.get_by_text("Wednesday, 31 January 2035, 10:00 (Europe/Berlin)")).to_be_visible()
    look = page.frame_locator("iframe.look")
    await expect(look.get_by_role("heading", name="Winter Gala")).to_be_visible()
    await page.get_by_text("4. The queue").click()
    await page.get_by_label("Admitted per minute").fill("77")
    await expect(page.get_by_text("Up to 77 people are admitted per minute")).to_be_visible()
    await page.get_by_text("5. The look").click()
    picture = FilePayload(name="logo.png", mimeType="image/png", buffer=PNG)
    await page.get_by_label(re.compile("^Logo")).set_input_files(picture)
    await expect(look.locator(".mark img")).to_be_visible()
    await page.get_by_role("button", name="Create sale").click()
    await expect(page).to_have_url(f"{product.url}/admin/rooms/winter-gala/overview")
    stored_logo = "SELECT FROM rooms WHERE room_id = $1 AND settings #>> '{theme,logo}' LIKE 'data:image/%'"
    assert await product.sql(stored_logo, "winter-gala") == "SELECT 1"


async def test_it_is_made_without_scripts(plain_page: Page, product: Product) -> None:
    page = plain_page
    await open_signed_in_by_form(page, product, "/admin/sales/new")
    await fill_new_sale(page, "Summer Gala")
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
