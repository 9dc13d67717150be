"""All kinds of browsers: old, forgetful, blocked, slow, with a wrong clock, with many tabs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, Route, async_playwright, expect
from playwright.async_api import Request as PageRequest

from tests.browser.conftest import ARGUMENTS, CHROMIUM, OpenContext, Product
from tests.browser.steps import heading, join_queue, number_of

pytestmark = pytest.mark.browser

# Removes what an engine of 2021 lacked, and blocks storage as a visitor might.
OLD_AND_BLOCKED = """
delete AbortSignal.timeout; delete AbortSignal.any;
delete globalThis.BroadcastChannel; delete Navigator.prototype.locks;
delete globalThis.structuredClone; delete Object.hasOwn;
for (const name of ["at", "findLast", "toSorted", "toReversed", "with"]) delete Array.prototype[name];
delete String.prototype.at; delete Crypto.prototype.randomUUID;
for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches", "cookieStore"])
  Object.defineProperty(globalThis, name, { get() { throw new DOMException("blocked", "SecurityError"); } });
"""
CLOCK_THAT_IS_SET = """
const Real = Date;
globalThis.shiftMs = 0;
globalThis.Date = class extends Real {
  constructor(...all) { all.length ? super(...all) : super(Real.now() + globalThis.shiftMs); }
  static now() { return Real.now() + globalThis.shiftMs; }
};
"""
TABS = 8  # HTTP/1.1 allows six connections per host


async def test_eight_tabs_share_one_stream_and_all_go_in(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale()
    context, streams = await visitor(), []

    def hear(request: PageRequest) -> None:
        if request.url.endswith("/events"):
            streams.append(request.url)

    context.on("request", hear)
    pages = [await context.new_page() for _ in range(TABS)]
    for page in pages:
        await join_queue(page, product, room_id)
    for page in pages:
        await expect(page.locator('[data-fill="updated"]')).to_have_text("Live")
    assert {await number_of(page) for page in pages} == {"1"}
    assert len(streams) == 1
    await pages[0].close()  # it had the stream, so another one takes over
    await product.staff("POST", f"/v1/rooms/{room_id}/pause", {})
    for page in pages[1:]:
        await expect(page.locator('[data-notice="paused"]')).to_be_visible()
    assert len(streams) == 2
    await product.staff("POST", f"/v1/rooms/{room_id}/resume", {})
    await product.let_in(room_id)
    for page in pages[1:]:
        await expect(heading(page)).to_have_text("Choose your tickets")


async def test_an_old_browser_with_blocked_storage_goes_in(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale()
    context = await visitor()
    await context.add_init_script(OLD_AND_BLOCKED)
    page = await context.new_page()
    await join_queue(page, product, room_id)
    await page.get_by_text("Notify me when it is my turn").click()
    await page.get_by_label("With a sound").check()
    await expect(page.locator('[data-fill="updated"]')).to_have_text("Live")
    await product.let_in(room_id)
    await page.get_by_label("Standing +1").click()
    await page.get_by_role("button", name="Reserve").click()
    await page.get_by_role("button", name="Pay €45.00").click()
    await expect(heading(page)).to_have_text("Confirmed")


async def test_where_the_script_does_not_run_the_page_goes_on_by_itself(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale()
    context = await visitor()
    page = await context.new_page()

    async def break_off(route: Route) -> None:
        await route.abort()

    await page.route("**/queue.js", break_off)
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_role("button", name="Join the queue").click()
    await expect(heading(page)).to_have_text("You are in the queue")
    await product.let_in(room_id)
    await expect(heading(page)).to_have_text("It is your turn")


@pytest.fixture
async def forgetful(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser whose owner has blocked all cookies and storage in its settings."""
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings))
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=CHROMIUM, args=ARGUMENTS
        )
        yield context
        await context.close()


async def test_a_browser_that_keeps_no_cookies_is_told_so(
    forgetful: BrowserContext, product: Product
) -> None:
    room_id = await product.a_sale()
    wrong: list[str] = []
    page = await forgetful.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    notice = page.locator("[data-cookies]")
    await page.goto(f"{product.url}/rooms/{room_id}")
    await expect(notice).to_be_visible()
    await page.get_by_role("button", name="Join the queue").click()
    await page.wait_for_url(f"**/rooms/{room_id}?cookies=needed")
    await expect(notice).to_be_visible()
    plain = await forgetful.new_page()
    session = await forgetful.new_cdp_session(plain)
    await session.send("Emulation.setScriptExecutionDisabled", {"value": True})
    await plain.goto(f"{product.url}/rooms/{room_id}")
    await expect(plain.locator("[data-cookies]")).to_be_hidden()
    await plain.get_by_role("button", name="Join the queue").click()
    await expect(plain.locator("[data-cookies]")).to_be_visible()
    assert (await product.status(room_id))["waiting"] == 0
    assert wrong == []


async def test_cookies_that_are_lost_or_old_cost_nothing_but_the_place(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    await page.context.add_cookies(
        [{"name": f"fairgate_place_{room_id}", "value": "p1.b2xk.b2xk", "url": product.url}]
    )
    await join_queue(page, product, room_id)
    await page.context.clear_cookies()
    await page.reload()
    await expect(page.locator('[data-fill="queue_number"]')).to_have_text("2")


async def test_however_many_answers_to_a_join_are_lost_it_is_one_place(page: Page, product: Product) -> None:
    room_id = await product.a_sale()
    lost = 0

    async def lose_two(route: Route) -> None:
        nonlocal lost
        lost += 1
        response = await route.fetch()
        await (route.abort() if lost <= 2 else route.fulfill(response=response))

    await page.route("**/places", lose_two)
    await join_queue(page, product, room_id)
    assert lost == 3
    assert await number_of(page) == "1"
    assert (await product.status(room_id))["waiting"] == 1


async def test_a_device_clock_that_is_set_changes_nothing(visitor: OpenContext, product: Product) -> None:
    room_id = await product.a_sale()
    context = await visitor()
    await context.add_init_script(CLOCK_THAT_IS_SET)
    page = await context.new_page()
    await join_queue(page, product, room_id)
    for minutes, step, hidden in ((-20, "pause", False), (20, "resume", True)):
        await _set_clock(page, minutes)
        await product.staff("POST", f"/v1/rooms/{room_id}/{step}", {})
        notice = page.locator('[data-notice="paused"]')
        await (expect(notice).to_be_hidden if hidden else expect(notice).to_be_visible)()
    await product.let_in(room_id)
    await expect(heading(page)).to_have_text("Choose your tickets")
    await _counts_on(page, "session_expires_at")
    await page.get_by_label("Standing +1").click()
    await page.get_by_role("button", name="Reserve").click()
    await expect(heading(page)).to_have_text("Held for you")
    await _counts_on(page, "expires_at")
    await page.get_by_role("button", name="Pay €45.00").click()
    await expect(heading(page)).to_have_text("Confirmed")


async def _set_clock(page: Page, minutes: int) -> None:
    await page.evaluate(f"globalThis.shiftMs = {minutes * 60_000}")


async def _counts_on(page: Page, name: str) -> None:
    """The countdown continues unchanged when the device's clock is set."""
    countdown = page.locator(f'[data-countdown="{name}"]')
    until = int(await countdown.get_attribute("data-until") or 0)
    for minutes in (20, -20):
        await _set_clock(page, minutes)
        await expect(countdown).not_to_have_text(await countdown.inner_text())
        left_s, shown = await countdown.evaluate(
            "(it, until) => [(until - (Date.now() - globalThis.shiftMs)) / 1000, it.textContent]", until
        )
        shown_minutes, shown_seconds = shown.split(":")
        assert abs(int(shown_minutes) * 60 + int(shown_seconds) - left_s) < 5


async def test_a_price_that_changed_is_shown_and_asked_about(
    page: Page, plain_page: Page, product: Product
) -> None:
    room_id = await product.a_sale(admission_rate_per_minute=6000)
    price = f"/v1/events/{room_id}/ticket-types/standing"
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_label("Standing +1").click()
    await product.staff("PATCH", price, {"price": 5000})
    await expect(page.locator("[data-type] .price")).to_have_text("€50.00")
    await expect(page.locator("[data-total] output")).to_have_text("€50.00")
    await plain_page.goto(f"{product.url}/rooms/{room_id}")
    await plain_page.get_by_role("button", name="Join the queue").click()
    await plain_page.get_by_role("button", name="Go in now").click()
    await plain_page.get_by_role("spinbutton", name="Standing").fill("2")

    await page.route("**/availability", lambda route: route.abort())  # the page does not learn of it in time
    await product.staff("PATCH", price, {"price": 6000})
    for it, total in ((page, "60"), (plain_page, "120")):
        await it.get_by_role("button", name="Reserve").click()
        await expect(it.locator('[data-problem="price_changed"]')).to_be_visible()
        await it.get_by_role("button", name="Reserve").click()
        await expect(it.get_by_role("button", name=f"Pay €{total}.00")).to_be_visible()


async def test_the_cookies_of_many_rooms_are_not_too_many(page: Page, product: Product) -> None:
    room_id = await product.a_sale(admission_rate_per_minute=6000)
    names, value = (f"fairgate_place_other-{n}" for n in range(150)), "p1." + "x" * 80
    await page.context.add_cookies([{"name": it, "value": value, "url": product.url} for it in names])
    await page.goto(f"{product.url}/rooms/{room_id}")
    await page.get_by_label("Standing +1").click()
    await page.get_by_role("button", name="Reserve").click()
    await expect(heading(page)).to_have_text("Held for you")
    await page.goto(f"{product.url}/reservations")
    await expect(page.get_by_role("heading", name="Northern Lights")).to_be_visible()
