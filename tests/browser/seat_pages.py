"""The pages of the console about the seats of a sale, for `every_page.py`."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.console_pages import open_signed_in


async def seats(page: Page, product: Product) -> None:
    """With a file just read, and a seat kept for the house."""
    room_id = await product.a_sale()
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/seats")
    await page.get_by_label("Its text").fill("section,row,number,price\nStalls,a,1,50\nStalls,a,3,50\n")
    await page.get_by_role("button", name="Create seats").click()
    await expect(page.get_by_role("link", name="Seats as a file")).to_be_visible()
    await page.locator("#block-rows").fill("A")
    await page.locator("#block-seats").fill("3")
    await page.get_by_label("Kept for the house").check()
    await page.get_by_role("button", name="Change these seats").click()
    await expect(page.get_by_role("region", name="Seats that are not on sale")).to_be_visible()


async def seat_plan(page: Page, product: Product) -> None:
    """With one section moved by keys and another one dragged."""
    room_id = await product.a_sale()
    sections = [{"name": it, "price": 5000, "rows": 6, "seats_per_row": 14} for it in ("Stalls", "Circle")]
    await product.staff("POST", f"/v1/events/{room_id}/seats", {"sections": sections})
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/seats/plan")
    stalls, x = page.get_by_role("button", name="Stalls:"), page.get_by_label("Stalls: Right")
    await stalls.focus()
    await page.keyboard.press("Shift+ArrowRight")
    await page.keyboard.press("PageDown")
    await expect(page.get_by_label("Stalls: Turned")).not_to_have_value("")
    before = await x.input_value()
    box = await stalls.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2, steps=3)
    await page.mouse.up()
    await expect(x).not_to_have_value(before)
    await page.get_by_role("button", name="Save the plan").click()
    await expect(stalls).to_be_visible()
    await expect(x).not_to_have_value("")


async def seat_choice(page: Page, product: Product) -> None:
    """A row chosen by keys and kept for the house; then a seat that was clicked."""
    room_id = await product.a_sale()
    sections = [{"name": "Stalls", "price": 5000, "rows": 6, "seats_per_row": 14}]
    await product.staff("POST", f"/v1/events/{room_id}/seats", {"sections": sections})
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/seats/map")
    canvas = page.get_by_label("Seats of Northern Lights")
    await expect(canvas).to_be_visible()  # the map has appeared
    await canvas.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("r")
    await expect(page.get_by_text("Stalls A: 1-14")).to_be_visible()
    await page.get_by_label("Kept for the house").check()
    await page.get_by_role("button", name="Change these seats").click()
    await expect(page.get_by_text("Seats changed: 14.")).to_be_visible()
    await expect(canvas).to_be_visible()
    await canvas.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")  # in the middle of the map, and close enough to be clicked
    box = await canvas.bounding_box()
    assert box is not None
    await canvas.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    await expect(page.locator("[data-count]")).to_have_text(re.compile("seats? chosen"))


async def seat_names(page: Page, product: Product) -> None:
    """A row renamed before the opening, numbered from the right."""
    room_id = await product.a_sale(opened=False)
    sections = [{"name": it, "price": 5000, "rows": 3, "seats_per_row": 14} for it in ("Stalls", "Circle")]
    await product.staff("POST", f"/v1/events/{room_id}/seats", {"sections": sections})
    await open_signed_in(page, product, f"/admin/rooms/{room_id}/seats/names")
    await page.get_by_label("Name of row C").fill("CC")
    await page.get_by_label("Seats of all rows").select_option("right")
    await page.get_by_role("button", name="Rename").click()
    await expect(page.get_by_text("Seats renamed: 42.")).to_be_visible()
    await expect(page.get_by_label("Seats of row CC")).to_have_value("14-1")


SEATS = [seats, seat_plan, seat_choice, seat_names]
