"""A worker that dies shows up on every page of the console, without a reload, and on the queue page."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.async_api import Page, expect

from app.runtime import installation
from app.web.console.frame import NAVIGATION
from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import open_signed_in
from tests.browser.steps import join_queue
from tests.browser.test_every_page import PICTURES

pytestmark = pytest.mark.browser

SOON_MS = 60_000  # four seconds in theory: `tests/core/monitoring/test_alerts.py` adds them up
DESK = {"width": 1280, "height": 800}


def worker_of(product: Product) -> tuple[str, int]:
    """The name and the pid of the worker process."""
    found = installation.running(product.data)
    assert found is not None
    child = next(it for it in found.children if it.name.startswith("worker"))
    process = child.find()
    assert process is not None
    return child.name, process.pid


async def test_a_frozen_worker_is_seen_on_every_page_and_stays_seen_until_it_goes_on(
    visitor: OpenContext, product: Product, pytestconfig: pytest.Config
) -> None:
    room_id = await product.a_sale()
    context = await visitor(viewport=DESK)
    page, other = await context.new_page(), await context.new_page()
    await open_signed_in(page, product, f"/admin/rooms/{room_id}")
    await other.goto(f"{product.url}/admin/alerts")
    await other.get_by_label("Show the number of alerts in the title").check()
    alarm = page.locator(".alarm", has_text="No worker is running")
    await expect(alarm).to_be_hidden()
    speed = page.get_by_role("heading", name="Speed")
    before = await speed.bounding_box()
    with product.frozen(worker_of(product)[0]):
        await expect(alarm).to_be_visible(timeout=SOON_MS)  # the page was open and not reloaded
        await expect(alarm).to_be_in_viewport()
        after = await speed.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(after["y"] - before["y"]) < 1  # pixel: somebody may be about to press a button there
        if pytestconfig.getoption("--pictures"):
            await page.screenshot(path=PICTURES / "an-alarm.png")
        await expect(other.locator(".alarm", has_text="No worker is running")).to_be_visible()
        await expect(other).to_have_title(re.compile(r"^\(\d\) Alerts"))
        for path in NAVIGATION.values():
            await page.goto(product.url + path)
            await expect(alarm, path).to_be_visible()
        await expect(alarm.get_by_role("link", name="What to do")).to_be_visible()
        await alarm.get_by_role("button", name="Acknowledge").click(timeout=SOON_MS)
        await expect(page).to_have_url(re.compile("/admin/health$"))
        await expect(alarm).to_be_hidden()
        await expect(page.locator("[data-alarms]")).to_contain_text("acknowledged")
        await expect(other.locator("[data-alarms]")).to_contain_text("acknowledged")
    await expect(page.locator("[data-alarms]")).not_to_contain_text("acknowledged", timeout=SOON_MS)


async def test_a_killed_worker_is_told_of_though_another_takes_over(page: Page, product: Product) -> None:
    await open_signed_in(page, product, "/admin/orders")
    os.kill(worker_of(product)[1], signal.SIGKILL)
    await expect(page.locator(".alarm", has_text="has stopped reporting")).to_be_visible(timeout=SOON_MS)


async def test_fans_read_for_how_long_nobody_was_called(page: Page, product: Product) -> None:
    room_id = await product.a_sale(admission_rate_per_minute=6, burst=1)
    await product.staff("POST", f"/v1/rooms/{room_id}/places", {})  # called immediately
    await join_queue(page, product, room_id)
    wait = page.locator('[data-fill="wait"]')
    await expect(wait).to_contain_text("minute")
    await product.ticked(room_id)
    with product.frozen(worker_of(product)[0]):
        await product.moved_ago(room_id, 39)
        await expect(wait).to_have_text("no movement for 40 seconds", timeout=SOON_MS)
        await expect(page.get_by_text("Nobody is being called at the moment.")).to_be_visible()
        await product.staff("POST", f"/v1/rooms/{room_id}/pause", {})
        await expect(wait).to_have_text("not known right now")
        await expect(page.locator('[data-notice="paused"]')).to_be_visible()
