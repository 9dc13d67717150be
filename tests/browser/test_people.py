"""Somebody is invited, adds a passkey and signs in with it; `every_page` covers how the pages look."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import open_signed_in

pytestmark = pytest.mark.browser


async def with_authenticator(context: BrowserContext, page: Page) -> None:
    """A phone that creates passkeys, and whose owner always agrees."""
    devtools = await context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def invite(page: Page, product: Product) -> str:
    """Invite somebody; returns their link, on a host name that passkeys allow."""
    await open_signed_in(page, product, "/admin/users")
    await page.get_by_label("E-mail", exact=True).fill("nora@example.org")
    await page.get_by_label("Name", exact=True).fill("Nora")
    await page.get_by_role("button", name="Invite").click()
    link = await page.get_by_label("The secret").input_value()
    return link.replace("127.0.0.1", "localhost")


async def test_who_is_invited_signs_in_with_a_passkey_and_no_password(
    visitor: OpenContext, product: Product
) -> None:
    link = await invite(await (await visitor()).new_page(), product)
    context = await visitor()
    page = await context.new_page()
    await with_authenticator(context, page)
    await page.goto(link)
    await page.get_by_role("button", name="Go on with a passkey instead").click()
    for name in ("My phone", "My key"):
        await page.get_by_label("Name", exact=True).fill(name)
        await page.get_by_role("button", name="Add a passkey").click()
        if name == "My key":  # the same authenticator is not used twice
            await expect(page.get_by_text("No passkey was made. Try again.")).to_be_visible()
        else:
            await expect(page.get_by_text(name, exact=True)).to_be_visible()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.get_by_role("navigation", name="Console")).to_be_visible()
    await expect(page.get_by_text("Nora · operator")).to_be_visible()
    await page.goto(link.partition("/admin")[0] + "/admin/sign-ins")
    await expect(page.locator("#passkeys").get_by_text("last used")).to_be_visible()
    await page.get_by_text("Remove My phone").click()
    await page.get_by_role("button", name="Remove passkey").click()
    await expect(page.get_by_text("My phone", exact=True)).to_have_count(0)
