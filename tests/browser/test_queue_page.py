"""The queue page: join, wait, be called (on to the tickets: test_booking.py), with scripts and without."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.conftest import EXPECT_TIMEOUT_MS, OpenContext, Product
from tests.browser.steps import heading, join_queue, join_queue_by_hand, number_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

NEVER_CALLED: dict[str, Any] = {"admission_rate_per_minute": 0}


async def test_opening_the_link_takes_a_place_that_a_refresh_keeps(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    number = await number_of(page)
    await page.reload()
    await expect(heading(page)).to_have_text("You are in the queue")
    assert await number_of(page) == number
    assert (await product.status(room_id))["waiting"] == 1


async def test_a_browser_solves_what_the_room_asks_of_newcomers(page: Page, product: Product) -> None:
    slower = {"name": "Slower", "share": 5}
    room_id = await product.a_sale(proof_of_work=True, lanes=[slower], suspects_lane="Slower")
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(page.locator("[data-panel=waiting]")).to_be_visible()
    place = await page.evaluate(f"fetch('/v1/rooms/{room_id}/places/me').then((it) => it.json())")
    assert (place["queue_number"], place["lane"]) == (1, 0)


async def test_a_link_preview_takes_no_place(plain_page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await plain_page.goto(f"{product.url}/rooms/{room_id}")
    await expect(plain_page.get_by_role("button", name="Join the queue")).to_be_visible()
    assert (await product.status(room_id))["waiting"] == 0


async def test_the_position_falls_and_the_bar_only_rises(
    visitor: OpenContext, product: Product, page: Page
) -> None:
    room_id = await product.a_sale()
    for _ in range(3):
        await join_queue(await (await visitor()).new_page(), product, room_id)
    await join_queue(page, product, room_id)
    await expect(page.locator('[data-fill="position"]')).to_have_text("4")
    await expect(page.locator("#ahead")).to_have_text("3 people ahead of you")
    bar = page.locator("progress[data-fill]")
    await expect(bar).to_have_attribute("value", "0")
    await product.staff(
        "PATCH", f"/v1/rooms/{room_id}", {"active_visitors_max": 2, "admission_rate_per_minute": 600}
    )
    await expect(page.locator('[data-fill="position"]')).to_have_text("2")
    await expect(page.locator("#ahead")).to_have_text("One person ahead of you")
    assert await bar.evaluate("it => it.value") == 500
    await page.reload()
    await expect(page.locator('[data-fill="position"]')).to_have_text("2")
    assert await bar.evaluate("it => it.value") == 500


async def hide(context: BrowserContext) -> None:
    """As if another tab were in front."""
    await context.add_init_script(
        "const state = () => globalThis.looking ? 'visible' : 'hidden';"
        "Object.defineProperty(document, 'visibilityState', {get: state})"
    )


async def bring_to_front(page: Page) -> None:
    """As if the tab came to the front."""
    await page.evaluate("globalThis.looking = true; document.dispatchEvent(new Event('visibilitychange'))")


async def test_in_a_tab_behind_the_call_counts_down_until_one_looks(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale(claim_window_s=600)
    context = await visitor()
    await hide(context)
    page = await context.new_page()
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.evaluate("globalThis.looking = true")
    await expect(heading(page)).to_have_text("You are in the queue")
    await page.evaluate("globalThis.looking = false")
    await product.let_in(room_id)
    await expect(heading(page)).to_have_text("It is your turn")
    await expect(page).to_have_title(re.compile("^It is your turn"))
    await expect(page.locator('[data-countdown="claim_by"]')).to_have_text(re.compile(r"^(10:00|9:\d\d)$"))
    await bring_to_front(page)
    await expect(heading(page)).to_have_text("Choose your tickets")


async def test_who_does_not_come_is_told_and_can_join_again(plain_page: Page, product: Product) -> None:
    room_id = await product.a_sale(claim_window_s=2)
    await join_queue_by_hand(plain_page, product, room_id)
    number = await number_of(plain_page)
    await product.let_in(room_id)
    await expect(heading(plain_page)).to_have_text("You missed your turn", timeout=2 * EXPECT_TIMEOUT_MS)
    await product.staff("PATCH", f"/v1/rooms/{room_id}", NEVER_CALLED)
    await plain_page.get_by_role("button", name="Join again").click()
    await expect(heading(plain_page)).to_have_text(re.compile("You are in the queue|It is your turn"))
    assert await number_of(plain_page) != number


async def test_pause_and_resume_are_told_at_once(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await product.staff("POST", f"/v1/rooms/{room_id}/pause", {})
    await expect(page.locator('[data-notice="paused"]')).to_be_visible()
    await expect(page.locator("[data-live]")).to_contain_text("The queue is paused.")
    await product.staff("POST", f"/v1/rooms/{room_id}/resume", {})
    await expect(page.locator('[data-notice="paused"]')).to_be_hidden()


async def test_closing_is_told_at_once(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await product.staff("POST", f"/v1/rooms/{room_id}/close", {})
    await expect(heading(page)).to_have_text("The sale is closed")
    await expect(page.locator("[data-panel=closed]")).to_contain_text("The queue ended with the sale")


async def test_selling_out_is_told_at_once(visitor: OpenContext, page: Page, product: Product) -> None:
    room_id = await product.a_sale(tickets=1, admission_rate_per_minute=6000)
    buyer = await (await visitor()).new_page()
    await buyer.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(buyer)).to_have_text("Choose your tickets")
    await buyer.get_by_label("Standing +1").click()
    await buyer.get_by_role("button", name="Reserve").click()
    await expect(heading(buyer)).to_have_text("Held for you")
    await join_queue(page, product, room_id)
    await expect(page.locator('[data-notice="held"]')).to_be_visible()
    await buyer.get_by_role("button", name="Pay €45.00").click()
    await expect(heading(buyer)).to_have_text("Confirmed")
    await expect(heading(page)).to_have_text("Sold out")
    await expect(page.locator("[data-panel=returns] .lead")).to_contain_text("You are first")


async def test_what_comes_back_after_the_sale_goes_to_the_returns_line(
    visitor: OpenContext, page: Page, plain_page: Page, product: Product
) -> None:
    room_id = await product.a_sale(tickets=2, admission_rate_per_minute=6000)
    buyer = await (await visitor()).new_page()
    await buyer.goto(f"{product.url}/rooms/{room_id}")
    await buyer.get_by_label("Standing +1").click()
    await buyer.get_by_label("Standing +1").click()
    await buyer.get_by_role("button", name="Reserve").click()
    await expect(heading(buyer)).to_have_text("Held for you")
    await join_queue_by_hand(plain_page, product, room_id)
    await expect(plain_page.locator('[data-notice="held"]')).to_contain_text("2 tickets are held by others")
    await join_queue(page, product, room_id)
    await buyer.get_by_role("button", name="Pay €90.00").click()
    await expect(heading(buyer)).to_have_text("Confirmed")

    await expect(heading(page)).to_have_text("Sold out")
    lead = page.locator("[data-panel=returns] .lead")
    await expect(lead).to_contain_text("One person is ahead of you")
    await plain_page.reload()
    await plain_page.get_by_role("spinbutton", name="Tickets").fill("3")
    await plain_page.get_by_role("button", name="Save").click()
    await expect(plain_page.locator("[data-panel=returns] [data-fill=quantity]")).to_have_text("3")

    await buyer.get_by_text("Cancel and get a refund").click()
    await buyer.get_by_role("button", name="Cancel reservation").click()
    await expect(heading(page)).to_have_text("Choose your tickets")
    await page.get_by_label("Standing +1").click()
    await page.get_by_role("button", name="Reserve").click()
    await page.get_by_role("button", name="Pay €45.00").click()
    await expect(heading(page)).to_have_text("Confirmed")

    await plain_page.reload()
    await expect(plain_page.locator('[data-notice="fewer"]')).to_be_visible()
    await plain_page.locator("[data-panel=waiting] summary", has_text="Tickets you want").click()
    await plain_page.get_by_role("spinbutton", name="Tickets").fill("1")
    await plain_page.get_by_role("button", name="Save").click()
    await expect(heading(plain_page)).to_have_text("It is your turn")


async def test_the_message_of_the_organiser_appears_and_is_text(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    message = '<b>Doors</b> open at 7 & "sharp"'
    await product.staff("PATCH", f"/v1/rooms/{room_id}", {"message": message})
    await expect(page.locator('[data-fill="message"]')).to_have_text(message)
    await page.reload()
    await expect(page.locator('[data-fill="message"]')).to_have_text(message)


async def test_before_the_opening_one_waits_by_a_countdown(page: Page, product: Product) -> None:
    opening: dict[str, Any] = {"prequeue_at": "2020-01-01T00:00:00Z", "opens_at": "2035-01-01T12:00:00Z"}
    room_id = await product.a_sale(opened=False, queueing_method="lottery", **opening)
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("You are in the pre-queue")
    await expect(page.get_by_text("the order is drawn at random among everybody")).to_be_visible()
    await expect(page.locator('[data-panel="prequeue"] .countdown')).to_have_text(re.compile(r"^\d+d \d+h$"))
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await expect(heading(page)).to_have_text("You are in the queue")
    await expect(page.locator('[data-fill="queue_number"]')).to_have_text("1")


async def test_before_a_pre_queue_nobody_has_a_place(page: Page, product: Product) -> None:
    room_id = await product.a_sale(opened=False, opens_at="2035-01-01T12:00:00Z")
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("Not open yet")
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await expect(heading(page)).to_have_text("You are in the queue")


async def test_leaving_gives_the_place_up(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await page.get_by_text("Leave the queue").first.click()
    await page.get_by_role("button", name="Leave the queue").click()
    await expect(heading(page)).to_have_text("You left the queue")

    async def empty() -> bool:
        return bool((await product.status(room_id))["waiting"] == 0)

    await wait_until(empty, "the queue to be empty")
    await page.get_by_role("button", name="Join again").click()
    await expect(heading(page)).to_have_text("You are in the queue")


async def test_two_tabs_are_one_visitor(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    second = await page.context.new_page()
    await join_queue(page, product, room_id)
    await join_queue(second, product, room_id)
    assert await number_of(page) == await number_of(second)


async def test_a_room_of_its_own_leads_to_its_site(plain_page: Page, page: Page, product: Product) -> None:
    room_id = "somebody-elses"
    await product.staff(
        "POST",
        "/v1/rooms",
        {
            "room_id": room_id,
            "name": "Elsewhere",
            "target_url": f"{product.url}/?shop=1",
            "admission_rate_per_minute": 6000,
        },
    )
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    await page.goto(f"{product.url}/rooms/{room_id}")
    shop = re.compile(re.escape(f"{product.url}/?shop=1&fairgate_ticket=t1."))
    await expect(page).to_have_url(shop)
    await plain_page.goto(f"{product.url}/rooms/{room_id}")
    await plain_page.get_by_role("button", name="Join the queue").click()
    await plain_page.get_by_role("button", name="Go in now").click()
    await plain_page.get_by_role("link", name="Continue").click()
    await expect(plain_page).to_have_url(shop)
