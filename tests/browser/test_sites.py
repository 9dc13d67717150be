"""A queue is put in front of a site in the console and taken down again, with scripts and without."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import open_signed_in_by_form

pytestmark = pytest.mark.browser


async def create_site(page: Page, product: Product, room_id: str) -> None:
    """Put a queue in front of the site, up to the code to copy."""
    await open_signed_in_by_form(page, product, "/admin/sites")
    await page.get_by_role("link", name="Protect a site").click()
    await page.get_by_label("Address of the site").fill("shop.example")
    await page.get_by_label("Short name").fill(room_id)
    await page.get_by_label("New visitors per minute").fill("6000")
    await page.get_by_label("HAProxy").check()
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", name="Copy this for HAProxy")).to_be_visible()
    await expect(page.locator("#file-2")).to_contain_text(f"/v1/rooms/{room_id}/gate")
    await page.get_by_label("Where it reaches your site").fill("10.0.0.7:3000")
    await page.get_by_role("button", name="Fill in").click()
    await expect(page.locator("#file-2")).to_contain_text("server shop 10.0.0.7:3000")


async def gate_status(product: Product, room_id: str) -> int:
    """Ask the gate about a page of the site, as the proxy does; returns its response."""
    headers = {"X-Original-URL": "https://shop.example/cart", "Accept": "text/html"}
    async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=20) as client:
        return (await client.get(f"/v1/rooms/{room_id}/gate", headers=headers)).status_code


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_site_from_its_first_request_to_its_last(
    visitor: OpenContext, product: Product, scripts: bool
) -> None:
    room_id = f"protected-{scripts}".lower()
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await create_site(page, product, room_id)
    first = page.locator(".first")
    await expect(first).to_contain_text("Waiting for the first request from your site")
    assert await gate_status(product, room_id) == 204
    if not scripts:
        await page.get_by_role("link", name="Check again").click()
    await expect(first).to_contain_text("Your site is connected")

    await page.get_by_role("link", name="Settings", exact=True).click()
    await page.get_by_role("radio", name="Everybody Each new visitor").check()
    await page.get_by_label("Path begins with").first.fill("/healthz")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. It applies from now on.")).to_be_visible()
    await page.get_by_role("link", name="Preview", exact=True).click()
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("heading", name="It goes to the queue")).to_be_visible()
    await page.get_by_label("Address on your site").fill("https://shop.example/healthz")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_text("Rule 1: path begins with /healthz.")).to_be_visible()
    await take_down(page, product, room_id)


async def take_down(page: Page, product: Product, room_id: str) -> None:
    """Admit the waiting visitor by hand, then remove everybody, and delete the room."""
    await product.staff("PATCH", f"/v1/rooms/{room_id}", {"admission_rate_per_minute": 0})
    await product.staff("POST", f"/v1/rooms/{room_id}/places", {})
    await page.get_by_role("link", name="Live", exact=True).click()
    await expect(page.locator('[data-figure="gate_let_in"]')).to_have_text("1")
    await page.get_by_role("button", name="Let in").click()
    await expect(page.get_by_text("1 visitor was called: nobody else is waiting.")).to_be_visible()
    await page.get_by_text("Reset", exact=True).click()
    await expect(page.get_by_text("0 waiting, 2 called or inside")).to_be_visible()
    await page.get_by_role("button", name="Reset the room").click()
    await expect(page.get_by_text("it is empty, and numbers start at 1")).to_be_visible()
    await page.get_by_text("Delete", exact=True).click()
    await page.get_by_role("button", name="Delete the room").click()
    await expect(page.get_by_text(f"The room {room_id} is deleted.")).to_be_visible()
