"""The fairness page, for `every_page.py`: before anything has happened, and checked in the browser."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.steps import join_queue
from tests.support.waiting import wait_until

VERDICT = re.compile("Everything is in order|Nothing is signed yet")


async def fairness_of_nothing(page: Page, product: Product) -> None:
    await page.goto(f"{product.url}/rooms/{await product.a_sale(opened=False)}/fairness")
    await expect(page.get_by_role("heading", name="How fair this queue is")).to_be_visible()


async def fairness(page: Page, product: Product) -> None:
    room_id = await product.a_sale(queueing_method="lottery")
    await join_queue(page, product, room_id)
    await product.sql(
        "INSERT INTO calls (room_id, called_at, serving_position, last_number) SELECT $1, "
        "date_trunc('second', now()) - make_interval(secs => 300 - 10 * n), greatest(0, n - 9), n "
        "FROM generate_series(1, 20) AS n ON CONFLICT DO NOTHING",
        room_id,
    )
    await product.sql(
        "INSERT INTO room_history (room_id, step_s, at, samples, waiting, called, active, backlog, state, "
        "outflow_per_minute, rate_per_minute, joined, no_shows, requests, serving_position, last_number, "
        "admitted, leavers, first_s, base_s, each_s) "
        "SELECT $1, 60, date_trunc('minute', now()) - make_interval(mins => 9 - n), 60, 10, 2, 3, 0, 'open', "
        "60, 60, 20 * n, 0, 0, 0, 20, 50 * n, 0, 1, 0, 1 FROM generate_series(1, 6) AS n",
        room_id,
    )
    check = page.get_by_role("button", name="Check it in my browser")

    async def logged() -> bool:
        await page.goto(f"{product.url}/rooms/{room_id}/fairness")
        return await check.is_visible() and not await page.get_by_text("Nobody has joined").is_visible()

    await wait_until(logged, "the join in the public log")
    await page.locator("html[data-runs]").wait_for()
    await check.click()
    await expect(page.get_by_text(VERDICT)).to_be_visible()


FAIRNESS = [fairness_of_nothing, fairness]
