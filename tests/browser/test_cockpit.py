"""The cockpit of a sale next to fans' browsers: what one side changes, the other sees."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.screenshots import a_crowd

pytestmark = pytest.mark.browser
DESK = ViewportSize(width=1440, height=900)


async def sign_in(page: Page, product: Product, to: str) -> None:
    """Go to a page of the console through the sign-in form."""
    await page.goto(f"{product.url}{to}")
    await page.get_by_text("With an access token").click()
    await page.get_by_label("Access token").fill(product.token)
    await page.get_by_role("button", name="Sign in with it").click()
    await expect(page).to_have_url(f"{product.url}{to}")


async def waiting(page: Page, product: Product, room_id: str) -> None:
    """Join and wait for the place to be shown."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.locator('[data-panel="waiting"]')).to_be_visible()
    await expect(page.locator(".dot")).to_have_class("dot on")


async def test_the_operator_changes_the_rate_and_the_fan_sees_the_wait_change(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale()
    await a_crowd(product, room_id, 20)  # ahead of the fan, who is not called while the test runs
    fan = await (await visitor()).new_page()
    desk = await (await visitor(viewport=DESK)).new_page()
    await waiting(fan, product, room_id)
    wait = fan.locator('[data-panel="waiting"] [data-fill="wait"]')
    before = await wait.inner_text()
    await sign_in(desk, product, f"/admin/rooms/{room_id}")
    await expect(desk.locator("[data-link]")).to_have_text("live")
    await desk.get_by_label("Admitted per minute", exact=True).fill("6")
    await expect(desk.locator("[data-effect]")).to_contain_text("→")
    assert await wait.inner_text() == before  # previewed, not applied
    await desk.get_by_role("button", name="Apply").click()
    await expect(wait).not_to_have_text(before)
    await expect(desk.locator("[data-log]")).to_contain_text("rate 0 → 6")
    await desk.get_by_role("button", name="Undo: rate 0 → 6").click()
    await expect(wait).to_have_text(before)


async def test_a_pause_is_seen_on_every_page_and_the_line_hears_the_message(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale()
    fan = await (await visitor()).new_page()
    desk = await (await visitor(viewport=DESK)).new_page()
    phone = await (await visitor()).new_page()
    await waiting(fan, product, room_id)
    for page in (desk, phone):
        await sign_in(page, product, f"/admin/rooms/{room_id}")
        await expect(page.locator("[data-link]")).to_have_text("live")
    await desk.get_by_role("button", name="Pause", exact=True).click()
    paused = fan.locator('[data-notice="paused"]')
    await expect(paused).to_be_visible()
    await expect(phone.locator("[data-cockpit] .chip")).to_have_text("paused")
    await expect(phone.get_by_role("button", name="Resume")).to_be_visible()
    await expect(phone.get_by_role("button", name="Pause", exact=True)).to_be_hidden()
    await phone.get_by_label("Message to the queue").fill("Back in ten minutes.")
    await phone.get_by_role("button", name="Send message").click()
    await expect(fan.get_by_text("Back in ten minutes.").first).to_be_visible()
    await phone.get_by_role("button", name="Resume").click()
    await expect(paused).to_be_hidden()
    await desk.get_by_text("Close", exact=True).click()
    await desk.get_by_role("button", name="Close the sale").click()
    await expect(fan.locator('[data-panel="closed"]')).to_be_visible()


async def test_the_graphs_are_there_again_after_a_reload(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale()
    fan, desk = await (await visitor()).new_page(), await (await visitor(viewport=DESK)).new_page()
    await waiting(fan, product, room_id)
    await sign_in(desk, product, f"/admin/rooms/{room_id}")
    line = desk.locator('[data-graph="waiting"] svg path.one')
    await expect(line).to_have_attribute("d", re.compile("L.*L"))  # three samples exist
    await expect(desk.locator('[data-series="waiting"]')).to_have_text("1")
    await desk.reload()
    await expect(line).to_have_attribute("d", re.compile("L.*L"))
    await expect(desk.locator('[data-figure="workers"]')).to_have_text("1")
    await desk.get_by_role("link", name="15 min").focus()
    for _ in range(2):
        await desk.keyboard.press("Tab")
    await desk.keyboard.press("Enter")
    await expect(desk.get_by_role("link", name="Whole sale")).to_have_attribute("aria-current", "true")
    assert desk.url.endswith("?range=sale#graphs")
    graph = desk.locator('[data-graph="waiting"] svg')
    await expect(graph).to_have_attribute("aria-label", re.compile("Queue over the whole sale"))
    await expect(line).to_have_attribute("d", re.compile("L"))
    await expect(graph.locator("text").filter(has_text=re.compile("^4$"))).to_have_count(
        1
    )  # the top of the axis, in people
    await desk.reload()
    await expect(graph).to_have_attribute("aria-label", re.compile("Queue over the whole sale"))


async def test_everything_works_without_scripts(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale(active_visitors_max=5)
    fan = await (await visitor()).new_page()
    await waiting(fan, product, room_id)
    desk = await (await visitor(java_script_enabled=False)).new_page()
    await sign_in(desk, product, f"/admin/rooms/{room_id}")
    await desk.get_by_label("Admitted per minute", exact=True).fill("60")
    await desk.get_by_role("button", name="Preview the effect").click()
    await expect(desk.locator("[data-effect]")).to_have_text(
        "End of the queue: never: the rate is 0 → 1 s to 2 s"
    )
    await desk.get_by_label("Admitted per minute", exact=True).fill("many")
    await desk.get_by_role("button", name="Apply").click()
    await expect(desk.get_by_role("alert").first).to_contain_text("Rate must be a whole number")
    await expect(desk.get_by_label("Admitted per minute", exact=True)).to_have_attribute(
        "aria-invalid", "true"
    )
    await desk.get_by_role("link", name="Refresh").click()
    await desk.get_by_label("Queue number, e-mail").fill("1")
    await desk.get_by_role("button", name="Find").click()
    await expect(desk.locator(".found .chip")).to_have_text("waiting")
    await desk.get_by_text("Remove", exact=True).click()
    await desk.get_by_role("button", name="Remove for good").click()
    await expect(desk.locator(".found .chip")).to_have_text("removed")
    await fan.reload()
    await expect(fan.locator('[data-panel="removed"]')).to_be_visible()
    await desk.get_by_role("button", name="Pause", exact=True).click()
    await desk.get_by_role("button", name="Undo: paused").click()
    await expect(desk.locator("[data-cockpit] .chip")).to_have_text("open")
