"""Staff at work in a real browser: find and refund an order, create a key, use it in /docs, and revoke it."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import buy, open_signed_in, open_signed_in_by_form

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_an_order_is_found_by_its_buyer_and_paid_back(
    visitor: OpenContext, product: Product, scripts: bool
) -> None:
    email = f"ann-{scripts}@example.org".lower()
    order, buyer = await buy(product, email)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await open_signed_in_by_form(page, product, "/admin/orders")
    await page.get_by_label("Reservation, visitor").fill(email)
    await page.get_by_role("button", name="Find").click()
    await page.get_by_role("link", name=order).click()
    await expect(page.get_by_text(email)).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel and refund")).to_be_hidden()
    await page.get_by_text("Cancel and refund", exact=True).click()
    await page.get_by_role("button", name="Cancel and refund €90.00").click()
    await expect(page.locator(".chip", has_text="cancelled")).to_be_visible()
    await expect(page.get_by_text("Staff: cancel")).to_be_visible()
    async with httpx.AsyncClient(verify=False, base_url=product.url, headers=buyer, timeout=20) as client:
        assert (await client.get(f"/v1/reservations/{order}")).json()["status"] == "cancelled"
    await page.goto(f"{product.url}/admin/audit?kind=reservation&id={order}")
    await expect(page.get_by_role("row", name="status confirmed cancelled")).to_be_visible()


async def test_a_key_that_was_made_here_authorises_the_docs_page_until_it_is_revoked(
    visitor: OpenContext, product: Product
) -> None:
    context = await visitor(viewport={"width": 1280, "height": 900})
    console, docs = await context.new_page(), await context.new_page()
    await open_signed_in(console, product, "/admin/keys")
    await console.get_by_label("Used by").fill("Docs")
    await console.get_by_role("button", name="Create key").click()
    key = await console.get_by_label("The secret").input_value()
    await docs.goto(f"{product.url}/docs")
    await docs.get_by_role("button", name="Authorize").first.click()
    mine = docs.locator(".auth-container", has_text="accessToken")
    await mine.get_by_role("textbox").fill(key)
    await mine.get_by_role("button", name="Authorize").click()
    await docs.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    call = docs.locator("#operations-Staff\\:_audit-list_audit, [id$='list_audit']").first
    await call.locator(".opblock-summary-control, .opblock-summary").first.click()
    await call.get_by_role("button", name="Execute").click()
    await expect(call.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    await console.locator("tr", has_text="Docs").locator("summary").click()
    await console.locator("tr", has_text="Docs").get_by_role("button", name="Revoke key").click()
    await expect(console.locator("tr", has_text="Docs").locator(".chip")).to_have_text("revoked")
    await call.get_by_role("button", name="Execute").click()
    await expect(call.locator(".live-responses-table .response-col_status").last).to_contain_text("401")


async def test_no_page_of_staff_is_wider_than_the_screen(page: Page, product: Product) -> None:
    """Those that test_every_page.py does not open, and a long name."""
    await product.staff("POST", "/v1/keys", {"name": "Wide " * 30, "role": "operator"})
    await open_signed_in(page, product, "/admin")
    for path, shown in (("/admin/keys", "h1"), ("/admin/mail", "h1"), ("/docs", ".opblock")):
        await page.goto(product.url + path)
        await expect(page.locator(shown).first).to_be_visible()
        for width in (360, 768, 1440):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
