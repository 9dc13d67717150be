"""The pages of a booking, each with a way to get there; see `every_page.py`."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.halls import a_hall, somebody_reserves
from tests.browser.steps import heading
from tests.browser.test_booking import OPEN, get_inside, hold, pay_with

STALLS = {"name": "Stalls", "price": 7000, "rows": 5, "seats_per_row": 12}
CIRCLE = {"name": "Circle", "price": 4500, "rows": 4, "seats_per_row": 16}


async def choosing(page: Page, product: Product) -> None:
    """Counted tickets, cheaper with a code."""
    room_id = await product.a_sale(**OPEN)
    for statement in (
        "INSERT INTO code_sets (event_id, set_id, name, uses_max, percent, off_order, wanted) "
        "VALUES ('{}', 'fans', 'Fans', 9, 20, 500, 1)",
        "INSERT INTO codes (event_id, code, set_id, uses_max) VALUES ('{}', 'FANS', 'fans', 9)",
    ):
        await product.sql(statement.format(room_id))
    await get_inside(page, product, room_id)
    await page.get_by_text("I have a code").click()
    await page.get_by_label("Code").fill("fans")
    await page.get_by_role("button", name="Use code").click()
    await expect(page.get_by_text("Your code FANS counts")).to_be_visible()
    await page.get_by_label("Standing +1").click()


async def choosing_seats(page: Page, product: Product) -> None:
    """The map, the basket and the list, plus a counted ticket in addition to the seats."""
    room_id = await a_hall(product, [STALLS, CIRCLE], counted=5)
    await somebody_reserves(product, room_id, seat_ids=["stalls-a-3", "stalls-a-4"])
    await get_inside(page, product, room_id)
    await page.get_by_role("button", name="Best together").click()
    await page.get_by_text("Choose seats from a list").click()
    await page.get_by_label("Standing +1").click()
    await expect(page.locator("[data-total]")).to_be_visible()


async def holding(page: Page, product: Product) -> None:
    """Paying, after a card was declined."""
    await get_inside(page, product, await product.a_sale(**OPEN))
    await hold(page, 2)
    await pay_with(page, "Payment is declined")
    await expect(page.get_by_text("The payment was declined.")).to_be_visible()
    await page.get_by_text("Cancel this reservation").click()


async def confirmed(page: Page, product: Product) -> None:
    """The tickets."""
    await get_inside(page, product, await product.a_sale(**OPEN))
    await hold(page, 2)
    await pay_with(page, "Payment succeeds")
    await expect(heading(page)).to_have_text("Confirmed")
    await page.get_by_text("Cancel and get a refund").click()


async def cancelled(page: Page, product: Product) -> None:
    """The refund is on its way."""
    await confirmed(page, product)
    await page.get_by_role("button", name="Cancel reservation").click()
    await expect(heading(page)).to_have_text("Cancelled")


async def mine(page: Page, product: Product) -> None:
    """All reservations of one browser."""
    await cancelled(page, product)
    await get_inside(page, product, await product.a_sale(**OPEN))
    await hold(page)
    await page.goto(f"{product.url}/reservations")
    await expect(page.get_by_role("heading", name="Ended")).to_be_visible()


BOOKING = [choosing, choosing_seats, holding, confirmed, cancelled, mine]
