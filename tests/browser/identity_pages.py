"""The pages on which newcomers prove who they are, for `every_page.py`."""

from __future__ import annotations

import time
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Product

SLOWER: dict[str, Any] = {"lanes": [{"name": "Slower lane", "share": 5}], "suspects_lane": "Slower lane"}


async def asked_for_email(page: Page, product: Product, **room: Any) -> str:
    """The form for the code that was sent; returns the address."""
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


async def with_authenticator(page: Page) -> None:
    """A phone that creates passkeys, and whose owner always agrees."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def fan_with_passkey(page: Page, product: Product, email: str, query: str = "") -> None:
    """The page of a fan's account, on a host name that passkeys allow."""
    address = f"{product.url.replace('127.0.0.1', 'localhost')}/passkey{query}"
    await with_authenticator(page)
    await page.goto(address)
    await page.get_by_label("E-mail", exact=True).fill(email)
    await page.get_by_role("button", name="Send me a code").click()
    await expect(page.get_by_text(f"We sent a code to {email}")).to_be_visible()
    await product.sql("UPDATE fan_steps SET confirmed = true WHERE email = $1", email)
    await page.goto(address)
    await page.get_by_role("button", name="Create a passkey on this device").click()
    await expect(page.get_by_role("heading", name="Your passkeys")).to_be_visible()


async def account_asked(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/passkey?said=address")


async def account_code(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/passkey")
    await page.get_by_label("E-mail", exact=True).fill(f"code{time.monotonic_ns()}@example.org")
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code", exact=True).fill("12")
    await page.get_by_role("button", name="Confirm", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def account(page: Page, product: Product) -> None:
    room_id = await product.a_sale(identity="passkey")
    await fan_with_passkey(page, product, f"ann@{room_id}.example.org", f"?room={room_id}")
    await page.get_by_text("Delete my account").first.click()


async def asked_for_passkey(page: Page, product: Product) -> None:
    before = "2026-01-01T00:00:00Z"
    room_id = await product.a_sale(identity="passkey", accounts_before=before, **SLOWER)
    await page.goto(f"{product.url}/rooms/{room_id}?passkey=late")


IDENTITIES = [
    before_confirming,
    confirming,
    asked_by_mail,
    account_asked,
    account_code,
    account,
    asked_for_passkey,
]
