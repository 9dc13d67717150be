"""Ways to the pages on which staff sign in with more than a password, for `every_page.py`."""

from __future__ import annotations

from uuid import uuid4

import pyotp
from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.console_pages import open_signed_in

PASSWORD = "correct horse battery"


async def _nora(page: Page, product: Product) -> str:
    """An invited person who has a password and is setting up app codes; returns their address."""
    email = f"{uuid4().hex}@example.org"
    await open_signed_in(page, product, "/admin/users")
    await page.get_by_label("E-mail", exact=True).fill(email)
    await page.get_by_label("Name", exact=True).fill("Nora")
    await page.get_by_role("button", name="Invite").click()
    await page.goto(await page.get_by_label("The secret").input_value())
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Set password").click()
    await page.goto(f"{product.url}/admin/sign-ins")
    await page.get_by_role("button", name="Set up codes").click()
    return email


async def _type_code(page: Page, code: str) -> None:
    await page.get_by_label("Code", exact=True).fill(code)
    await page.get_by_role("button", name="Confirm").click()


async def second_factor(page: Page, product: Product) -> None:
    await _nora(page, product)
    await _type_code(page, "1")
    await expect(page.get_by_role("alert")).to_be_visible()
    dark, light = page.locator(".qr .qrline"), page.locator(".qr path").first
    # lines must be exactly as high as a row, otherwise no app can read the code
    await expect(dark).to_have_css("stroke-width", "1px")
    await expect(light).to_have_css("fill", "rgb(255, 255, 255)")


async def recovery_codes(page: Page, product: Product) -> None:
    await _nora(page, product)
    await _type_code(page, pyotp.TOTP(await page.locator("main code").inner_text()).now())
    await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()


async def code_asked_for(page: Page, product: Product) -> None:
    """After the password, with a wrong code."""
    email = await _nora(page, product)
    await _type_code(page, pyotp.TOTP(await page.locator("main code").inner_text()).now())
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_label("Code of your app, or a recovery code").fill("1")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()


async def provider_away(page: Page, product: Product) -> None:
    """The sign-in page with a provider that is unreachable."""
    await page.goto(f"{product.url}/admin")
    await page.get_by_role("link", name="Sign in with").click()
    await expect(page.get_by_role("alert")).to_be_visible()


PEOPLE = [second_factor, recovery_codes, code_asked_for, provider_away]
