"""What visitors do in these tests, and where they look."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Product


def heading(page: Page) -> Locator:
    """The heading of the panel that is shown."""
    return page.locator("[data-panel]:not([hidden]) h2")


async def number_of(page: Page) -> str:
    """The visitor's queue number as shown on the page."""
    return await page.locator('[data-fill="queue_number"]').inner_text()


async def join_queue(page: Page, product: Product, room_id: str) -> None:
    """Open the link; the script joins the queue."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("You are in the queue")


async def join_queue_by_hand(page: Page, product: Product, room_id: str) -> None:
    """Open the link and press the button."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_role("button", name="Join the queue").click()
    await expect(heading(page)).to_have_text("You are in the queue")
