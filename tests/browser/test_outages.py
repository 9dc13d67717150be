"""Blocked streams, lost connections, lost stores: pages explain the trouble and nobody loses their place."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import EXPECT_TIMEOUT_MS, OpenContext, Product
from tests.browser.steps import heading, join_queue, join_queue_by_hand, number_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


async def test_where_streams_are_blocked_asking_takes_over(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await page.route("**/events", lambda route: route.abort())
    await join_queue(page, product, room_id)
    await product.staff("POST", f"/v1/rooms/{room_id}/pause", {})
    await expect(page.locator('[data-notice="paused"]')).to_be_visible()
    await product.staff("POST", f"/v1/rooms/{room_id}/resume", {})
    await product.let_in(room_id)
    await expect(heading(page)).to_have_text("Choose your tickets")


async def test_a_lost_connection_is_told_calmly_and_mends(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await join_queue(page, product, room_id)
    await page.context.set_offline(True)
    await expect(page.locator('[data-notice="lost"]')).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.locator('[data-notice="lost"]')).to_be_hidden()
    await expect(heading(page)).to_have_text("You are in the queue")


async def test_a_wiped_redis_costs_nobody_their_place(
    page: Page, visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale(restore_window_s=0)
    await join_queue(page, product, room_id)
    before = await product.status(room_id)
    await product.wipe_redis()

    async def back() -> bool:
        now = await product.status(room_id)
        return bool(now["epoch"] > before["epoch"] and now["waiting"] == 1)

    await wait_until(back, "the page to ask for its place again")
    assert await number_of(page) == "1"
    later = await (await visitor()).new_page()
    await join_queue(later, product, room_id)
    await expect(later.locator("#ahead")).to_have_text("One person ahead of you")
    await product.let_in(room_id)
    await expect(heading(page)).to_have_text("Choose your tickets")


async def test_a_store_that_is_away_is_told_calmly_and_mends(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale()
    live = await (await visitor()).new_page()
    await join_queue(live, product, room_id)
    plain = await (await visitor(java_script_enabled=False)).new_page()
    await join_queue_by_hand(plain, product, room_id)
    with product.frozen("valkey"):
        await expect(live.locator('[data-notice="lost"]')).to_be_visible()
        # The page also reloads by itself; whichever comes first cancels the other.
        async with plain.expect_response(lambda it: it.status == 503) as refusal:
            await plain.reload()
        assert int((await refusal.value).headers["retry-after"]) >= 1
        await expect(plain.get_by_role("heading", name="One moment, please")).to_be_visible()
    await asyncio.gather(
        expect(heading(plain)).to_have_text("You are in the queue", timeout=2 * EXPECT_TIMEOUT_MS),
        expect(live.locator('[data-notice="lost"]')).to_be_hidden(timeout=2 * EXPECT_TIMEOUT_MS),
    )
    assert await number_of(plain) == "2"


async def test_with_postgres_away_the_line_is_shown_and_tickets_wait(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale()
    plain = await (await visitor(java_script_enabled=False)).new_page()
    await join_queue_by_hand(plain, product, room_id)
    booking = await plain.context.new_page()
    with product.frozen("postgres"):
        await plain.reload()
        await expect(heading(plain)).to_have_text("You are in the queue")
        response = await booking.goto(f"{product.url}/events/{room_id}")
        assert response is not None
        assert response.status == 503
        await expect(booking.get_by_role("heading", name="One moment, please")).to_be_visible()
    await expect(heading(booking)).to_have_text("Tickets are sold in order", timeout=2 * EXPECT_TIMEOUT_MS)
