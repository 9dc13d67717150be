"""The pages on which newcomers show who they are, for `every_page.py`."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Product

SLOWER: dict[str, Any] = {"lanes": [{"name": "Slower lane", "share": 5}], "suspects_lane": "Slower lane"}


async def asked_for_email(page: Page, product: Product, **room: Any) -> str:
    """The code was sent: its form; the address."""
    room_id = await product.a_sale(identity="email", **room)
    await page.goto(f"{product.url}/rooms/{room_id}")
    email = f"ann@{room_id}.example.org"
    await page.locator("#identity-email").fill(email)
    await page.get_by_role("button", name="Send me a code").click()
    await expect(page.get_by_text(f"We sent a code to {email}")).to_be_visible()
    return email


async def confirming(page: Page, product: Product) -> None:
    await asked_for_email(page, product, **SLOWER)
    await page.locator("#identity-code").fill("12")
    await page.locator("[data-when=newcomer]").get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.locator("[data-when=newcomer] summary").click()


async def before_confirming(page: Page, product: Product) -> None:
    room_id = await product.a_sale(identity="email", opened=False, opens_at="2035-01-01T12:00:00Z")
    await page.goto(f"{product.url}/rooms/{room_id}")


async def asked_by_mail(page: Page, product: Product) -> None:
    email = await asked_for_email(page, product)
    token = email.partition("@")[2][:22].ljust(22, "x").replace(".", "x")
    await product.sql("UPDATE mailboxes SET confirm_token = $1 WHERE email = $2", token, email)
    await page.goto(f"{product.url}/confirm/{token}")


IDENTITIES = [before_confirming, confirming, asked_by_mail]
