"""From the link to the tickets, and everything that can go wrong on the way, with scripts and without."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.steps import heading, join_queue, join_queue_by_hand
from tests.support.sales import PAID_LATE
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

OPEN: dict[str, Any] = {"admission_rate_per_minute": 6000}
SETTLES = """
    UPDATE simulated_charges AS it SET settles_at = now()
    FROM payments JOIN reservations USING (reservation_id)
    WHERE it.payment_id = payments.payment_id AND event_id = $1"""
SETTLES_LATER = SETTLES.replace("now()", "now() + interval '1 hour'")


async def get_inside(page: Page, product: Product, room_id: str) -> None:
    """Get inside; nobody is waiting."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("Choose your tickets")


async def get_inside_by_hand(page: Page, product: Product, room_id: str) -> None:
    """Get inside by pressing the buttons as they appear."""
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_role("button", name="Join the queue").click()
    await page.get_by_role("button", name="Go in now").click()
    await expect(heading(page)).to_have_text("Choose your tickets")


async def reserve(page: Page, quantity: int) -> None:
    """Ask for this many standing tickets."""
    await page.get_by_label("Standing", exact=True).fill(str(quantity))
    await page.get_by_role("button", name="Reserve").click()


async def hold(page: Page, quantity: int = 1) -> None:
    """Hold this many tickets."""
    await reserve(page, quantity)
    await expect(heading(page)).to_have_text("Held for you")


async def pay_with(page: Page, card: str) -> None:
    """Choose a test card and pay."""
    await page.get_by_label(card).check()
    await page.get_by_role("button", name="Pay").click()


async def pay_slowly(page: Page, product: Product, room_id: str) -> None:
    """Pay through a bank that takes five seconds, and in fact longer: it responds once `SETTLES` is run."""

    async def begun() -> bool:
        return await product.sql(SETTLES_LATER, room_id) == "UPDATE 1"

    await asyncio.gather(wait_until(begun, "the charge"), pay_with(page, "Bank takes five seconds"))


async def test_from_the_link_to_the_tickets(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await product.let_in(room_id)
    await expect(page).to_have_url(f"{product.url}/events/{room_id}")  # straight on, without a button
    await expect(heading(page)).to_have_text("Choose your tickets")
    await page.get_by_label("Standing +1").click()
    await page.get_by_label("Standing +1").click()
    await expect(page.locator("[data-total] output")).to_have_text("€90.00")
    await page.get_by_role("button", name="Reserve").click()
    await expect(heading(page)).to_have_text("Held for you")
    await expect(page.locator('[data-countdown="expires_at"]')).to_have_text(re.compile(r"^(5:00|4:\d\d)$"))
    await page.get_by_role("button", name="Pay €90.00").click()
    await expect(heading(page)).to_have_text("Confirmed")
    await expect(page.locator(".ticket")).to_have_count(2)
    await expect(page.locator(".ticket svg")).to_have_count(2)
    await page.reload()
    await expect(page.locator(".ticket")).to_have_count(2)
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(heading(page)).to_have_text("You have 2 tickets")
    await page.get_by_role("link", name="Show my tickets").click()
    await expect(page.get_by_text("2 \u00d7 Standing")).to_be_visible()


async def test_from_the_link_to_the_tickets_without_scripts(plain_page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue_by_hand(plain_page, product, room_id)
    await expect(plain_page.locator("#ahead")).to_have_text("You are first in the queue")
    await product.let_in(room_id)
    await expect(heading(plain_page)).to_have_text("It is your turn")  # by refresh
    await plain_page.get_by_role("button", name="Go in now").click()
    await expect(heading(plain_page)).to_have_text("Choose your tickets")
    await hold(plain_page, 2)
    await plain_page.get_by_role("button", name="Pay €90.00").click()
    await expect(heading(plain_page)).to_have_text("Confirmed")
    await expect(plain_page.locator(".ticket")).to_have_count(2)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_nothing_or_more_than_is_left_is_told_and_the_session_goes_on(
    visitor: OpenContext, product: Product, scripts: bool
) -> None:
    room_id = await product.a_sale(tickets=3, **OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await page.get_by_role("button", name="Reserve").click()
    await expect(page.get_by_text("No tickets chosen yet.")).to_be_visible()
    await reserve(page, 5)
    await expect(page.get_by_text("Fewer tickets are free than you asked for.")).to_be_visible()
    await expect(page.get_by_label("Standing", exact=True)).to_have_value("5")
    await hold(page, 3)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_the_limit_of_one_person_is_told(visitor: OpenContext, product: Product, scripts: bool) -> None:
    room_id = await product.a_sale(event={"max_tickets_per_visitor": 2}, **OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await hold(page, 2)
    await page.goto(f"{product.url}/events/{room_id}")
    await expect(page.get_by_role("link", name="2 \u00d7 Standing")).to_be_visible()
    await reserve(page, 1)
    await expect(page.get_by_text("That is over the limit for one person.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_a_bank_that_fails_or_a_declined_card_leaves_the_hold(
    visitor: OpenContext, product: Product, scripts: bool
) -> None:
    room_id = await product.a_sale(**OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await hold(page)
    await pay_with(page, "Bank error")
    await expect(page.get_by_text("The payment did not go through.")).to_be_visible(timeout=30_000)
    await pay_with(page, "Payment is declined")
    await expect(page.get_by_text("The payment was declined.")).to_be_visible()
    await pay_with(page, "Payment succeeds")
    await expect(heading(page)).to_have_text("Confirmed")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_a_slow_bank_is_waited_for(visitor: OpenContext, product: Product, scripts: bool) -> None:
    room_id = await product.a_sale(**OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await hold(page)
    await pay_slowly(page, product, room_id)
    await expect(heading(page)).to_have_text("Your payment is being processed")
    assert await product.sql(SETTLES, room_id) == "UPDATE 1"
    await expect(heading(page)).to_have_text("Confirmed")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_a_payment_after_the_end_is_told_as_refunded(
    visitor: OpenContext, product: Product, scripts: bool
) -> None:
    page = await _paid_late(visitor, product, scripts, tickets=1)
    await expect(page.get_by_text("it is refunded")).to_be_visible(timeout=30_000)


async def test_a_payment_after_the_end_is_taken_while_tickets_are_left(
    visitor: OpenContext, product: Product
) -> None:
    page = await _paid_late(visitor, product, scripts=True, tickets=2)
    await expect(heading(page)).to_have_text("Confirmed", timeout=30_000)


async def _paid_late(visitor: OpenContext, product: Product, scripts: bool, tickets: int) -> Page:
    """A page whose payment arrives after the hold has ended."""
    room_id = await product.a_sale(tickets=tickets, **OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await hold(page)
    await pay_with(page, "Bank answers too late")
    await expect(heading(page)).to_have_text("Your payment is being processed")
    assert await product.sql(PAID_LATE, room_id) == "UPDATE 1"
    return page


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_a_hold_that_ran_out_is_told(visitor: OpenContext, product: Product, scripts: bool) -> None:
    room_id = await product.a_sale(event={"hold_ttl_s": 3}, **OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await reserve(page, 1)
    await expect(heading(page)).to_have_text("The time ran out")
    await page.get_by_role("link", name="Choose again").click()
    await reserve(page, 1)
    await expect(heading(page)).to_have_text(re.compile("Held for you|The time ran out"))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_cancelling_frees_the_tickets(visitor: OpenContext, product: Product, scripts: bool) -> None:
    room_id = await product.a_sale(tickets=1, **OPEN)
    page = await (await visitor(java_script_enabled=scripts)).new_page()
    await (get_inside if scripts else get_inside_by_hand)(page, product, room_id)
    await hold(page)
    await page.get_by_text("Cancel this reservation").click()
    await page.get_by_role("button", name="Cancel reservation").click()
    await expect(heading(page)).to_have_text("Cancelled")
    await page.get_by_role("link", name="Choose again").click()
    await hold(page)


async def test_a_session_that_ran_out_is_told(page: Page, product: Product) -> None:
    room_id = await product.a_sale(session_ttl_s=12, **OPEN)
    await get_inside(page, product, room_id)
    await expect(page.get_by_text("Your session has ended.")).to_be_visible()
    await page.goto(f"{product.url}/events/{room_id}")
    await expect(heading(page)).to_have_text("Tickets are sold in order")


async def test_without_a_session_the_booking_page_points_to_the_line(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await page.goto(f"{product.url}/events/{room_id}")
    await page.get_by_role("link", name="Go to the queue").click()
    await expect(heading(page)).to_have_text("You are in the queue")


async def test_a_reservation_is_shown_to_its_owner_only(
    page: Page, visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale(**OPEN)
    await get_inside(page, product, room_id)
    await hold(page)
    stranger = await (await visitor()).new_page()
    response = await stranger.goto(page.url)
    assert response is not None
    assert response.status == 404
    await expect(stranger.get_by_role("heading", name="This reservation is not here")).to_be_visible()


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(
    page: Page, product: Product
) -> None:
    room_id = await product.a_sale(**OPEN)
    await get_inside(page, product, room_id)
    keys: list[str] = []

    async def lose_first(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            await route.fetch()  # the request arrives, and its response is lost
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/reservations", lose_first)
    await reserve(page, 1)
    await expect(heading(page)).to_have_text("Held for you")
    assert len(keys) == 2
    assert keys[0] == keys[1]
    availability = await product.staff("GET", f"/v1/events/{room_id}/availability")
    assert availability["ticket_types"][0]["held"] == 1
