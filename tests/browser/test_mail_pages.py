"""Mail on pages: an address is left in the queue, and staff read what was sent."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


async def leave_an_address(page: Page, product: Product, room_id: str) -> None:
    """Wait in the queue and leave Ann's address there, unconfirmed."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    waiting = page.locator('[data-panel="waiting"]')
    await page.get_by_text("E-mail me when it is my turn").click()
    form = page.locator('form[action$="/email"]')
    await form.get_by_label("E-mail").fill("ann@example.org")
    await form.get_by_role("button", name="Save").click()
    await expect(waiting).to_be_visible()
    mailbox = page.locator(".mailbox")
    await expect(mailbox).to_contain_text("We\u2019ll write to ann@example.org.")
    await expect(mailbox).to_contain_text("We sent you an e-mail to confirm this address")
    await mailbox.get_by_label("Code").fill("nonsense")
    await mailbox.get_by_role("button", name="Confirm").click()
    await expect(mailbox.get_by_role("alert")).to_contain_text("not the code in our e-mail")


async def test_an_address_is_left_while_waiting_and_staff_reads_the_mail_in_a_frame(
    page: Page, plain_page: Page, product: Product
) -> None:
    room_id = await product.a_sale(claim_window_s=600)
    await leave_an_address(page, product, room_id)
    async with httpx.AsyncClient(
        verify=False, base_url=product.url, timeout=20
    ) as client:  # somebody away from the screen
        joined = await client.post(f"/v1/rooms/{room_id}/places", json={"email": "bob@example.org"})
        assert joined.status_code == 201
    await page.goto("about:blank")  # by itself the queue page would go to the sale, at any moment
    await product.let_in(room_id)
    await plain_page.goto(f"{product.url}/admin")
    await plain_page.get_by_text("With an access token").click()
    await plain_page.get_by_label("Access token").fill(product.token)
    await plain_page.get_by_role("button", name="Sign in with it").click()
    await plain_page.get_by_role("link", name="Mail").click()

    async def arrived(subject: str) -> bool:
        await plain_page.reload()
        of_bob = plain_page.locator(".row", has_text="to bob@example.org")
        return await of_bob.get_by_role("link", name=f"{subject}: Northern Lights").count() == 1

    await wait_until(partial(arrived, "Confirm your e-mail address"), "the mail to confirm", every_s=0.2)
    of_bob = plain_page.locator(".row", has_text="to bob@example.org")
    await of_bob.get_by_role("link", name="Confirm your e-mail address: Northern Lights").click()
    confirm_link = plain_page.frame_locator("iframe.mail").get_by_role("link", name="Yes, write to me")
    link = await confirm_link.get_attribute("href")
    assert link is not None
    await page.goto(link)  # not the browser with which Bob joined
    await page.get_by_role("button", name="Yes, write to me").click()
    await expect(page.get_by_role("heading", name="Your address is confirmed")).to_be_visible()
    await plain_page.goto(f"{product.url}/admin/mail")
    await wait_until(partial(arrived, "It is your turn"), "the mail to Bob", every_s=0.2)
    await plain_page.get_by_role("link", name="It is your turn: Northern Lights").first.click()
    frame = plain_page.frame_locator("iframe.mail")
    await expect(frame.get_by_role("heading", name="It is your turn")).to_be_visible()
    await expect(frame.get_by_role("link", name="Go in")).to_have_attribute(
        "href", f"{product.url}/rooms/{room_id}"
    )
