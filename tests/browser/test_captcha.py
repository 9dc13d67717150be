"""The captcha's widget on the queue page. Nobody verifies its response, and nobody is kept out by it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Product

pytestmark = pytest.mark.browser


async def test_a_browser_shows_the_captcha_and_joins_with_what_it_gives(page: Page, product: Product) -> None:
    room_id = await product.a_sale(captcha=True)
    widget = """window.turnstile = { render(place, { sitekey, callback }) {
      const button = Object.assign(document.createElement("button"), { textContent: sitekey });
      button.onclick = () => callback("XXXX.DUMMY.TOKEN");
      place.append(button);
    } }; window.fairgateCaptcha();"""
    await page.route("https://challenges.cloudflare.com/**", lambda it: it.abort())
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.get_by_text("Please show that you are a person")).to_be_visible()
    await page.unroute_all()
    await page.route(
        "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit&onload=fairgateCaptcha",
        lambda it: it.fulfill(content_type="text/javascript", body=widget),
    )
    await expect(page.get_by_role("button", name="Join the queue")).to_be_hidden()
    await page.get_by_role("button", name="0x4AAA").click()
    await expect(page.locator("[data-panel=waiting]")).to_be_visible()
    assert (await product.status(room_id))["waiting"] == 1
