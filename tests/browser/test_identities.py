"""A newcomer proves who they are in a browser, before the opening, and then joins without further steps."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.identity_pages import asked_for_email, fan_with_passkey

pytestmark = pytest.mark.browser


async def enter_code(page: Page, product: Product, email: str) -> None:
    await product.sql("UPDATE mailboxes SET confirm_code = '123456' WHERE lower(email) = lower($1)", email)
    await page.locator("#identity-code").fill("123 456")
    await page.locator("[data-when=newcomer]").get_by_role("button", name="Confirm", exact=True).click()


async def test_an_address_is_confirmed_before_the_opening_and_its_place_goes_along(
    page: Page, product: Product, visitor: OpenContext
) -> None:
    email = await asked_for_email(page, product, opened=False)
    room_id = page.url.rpartition("/")[2]
    await enter_code(page, product, email)
    await expect(page.get_by_text("Your e-mail address is confirmed")).to_be_visible()
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await expect(page.locator("[data-panel=waiting]")).to_be_visible()
    # Somebody without an address gets no place; with the same address they move the place here.
    other = await (await visitor()).new_page()
    await other.goto(f"{product.url}/rooms/{room_id}")
    await expect(other.get_by_role("button", name="Join the queue")).to_be_hidden()
    await other.locator("#identity-email").fill(email.upper())
    await other.get_by_role("button", name="Send me a code").click()
    await enter_code(other, product, email)
    await expect(other.locator("[data-panel=waiting]")).to_be_visible()
    assert (await product.status(room_id))["waiting"] == 1


async def test_a_fan_makes_a_passkey_and_joins_with_it(page: Page, product: Product) -> None:
    room_id = await product.a_sale(identity="passkey", opened=False)
    email = f"bob@{room_id}.example.org"
    await fan_with_passkey(page, product, email, f"?room={room_id}")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_role("button", name="Sign in with your passkey").click()
    await expect(page.get_by_text(email)).to_be_visible()
    await page.get_by_role("link", name="Back to the queue").click()
    await page.get_by_role("button", name="Join with your passkey").click()
    await expect(page.get_by_text("You have shown your passkey")).to_be_visible()
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await expect(page.locator("[data-panel=waiting]")).to_be_visible()
    # Without an account of sufficient age nobody joins.
    other = await product.a_sale(identity="passkey", accounts_before="2026-01-01T00:00:00Z")
    await page.goto(page.url.replace(room_id, other))
    await page.get_by_role("button", name="Join with your passkey").click()
    await expect(page.get_by_text("created too late for this sale")).to_be_visible()
    assert (await product.status(other))["waiting"] == 0
    await page.get_by_role("link", name="Create an account").click()
    await page.get_by_text("Delete my account").first.click()
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_text("are deleted")).to_be_visible()
