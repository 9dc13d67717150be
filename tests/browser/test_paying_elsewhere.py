"""A buyer pays on the payment service's page: the way there, and back to their tickets."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from app.runtime.embedded_stores import free_port
from tests.browser.conftest import running
from tests.browser.steps import heading
from tests.browser.test_booking import OPEN, get_inside, hold
from tests.support.stripe_server import KEY, stripe_server

pytestmark = pytest.mark.browser


async def test_the_page_leads_to_the_payment_service_and_back_to_the_tickets(page: Page) -> None:
    port = free_port()
    with stripe_server() as stripe:
        settings = {
            "FAIRGATE_SIMULATE_PAYMENTS": "off",
            "FAIRGATE_PAYMENTS": "stripe",
            "FAIRGATE_PAYMENTS_KEY": KEY,
            "FAIRGATE_PAYMENTS_URL": stripe.url,
            "FAIRGATE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        with running(port, **settings) as product:
            await get_inside(page, product, await product.a_sale(**OPEN))
            await hold(page, 2)
            here = page.url
            await page.get_by_role("button", name="Pay").click()
            await page.wait_for_url(f"{stripe.url}/pay/**")
            await expect(page.get_by_role("heading")).to_contain_text("Pay")
            await page.goto(here)  # back without having paid: the link there is still on the page
            await page.get_by_role("link", name="Continue to payment").click()
            await page.wait_for_url(f"{stripe.url}/pay/**")
            await page.locator("input[name=number]").fill("4242424242424242")
            await page.get_by_role("button", name="Pay").click()
            await page.wait_for_url(f"{product.url}/reservations/**")
            await expect(heading(page)).to_have_text("Confirmed")
