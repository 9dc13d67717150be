"""The demo page: a fan's phone next to the cockpit. What happens in one shows in the other.

With `--pictures` its picture in the docs is renewed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenContext, Product, running
from tests.browser.layout_shifts import shifts, watch_shifts
from tests.browser.screenshots import a_crowd
from tests.browser.test_cockpit import sign_in

pytestmark = pytest.mark.browser

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "demo.png"
DESK = ViewportSize(width=1440, height=1160)


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    """An installation that shows the page."""
    with running(FAIRGATE_DEMO="on") as product:
        yield product


async def test_the_phone_and_the_cockpit_are_side_by_side_and_five_steps_lead_through(
    visitor: OpenContext, demo: Product, pytestconfig: pytest.Config
) -> None:
    room_id = await demo.a_sale(
        tickets=500,
        event={"event_id": "demo", "name": "The Long Wait", "venue": "Harbour Hall"},
        theme={"accent": "#8a1c4a", "paper": "#fbf3f0"},
    )
    await a_crowd(demo, room_id, 40)
    page = await (await visitor(viewport=DESK)).new_page()
    await watch_shifts(page)
    await sign_in(page, demo, "/admin/demo")
    phone, desk = page.frame_locator(".phone iframe"), page.frame_locator(".desk iframe")
    await expect(phone.locator('[data-fill="position"]')).to_have_text("41")
    await expect(desk.locator("[data-link]")).to_have_text("live")
    await expect(desk.locator(".nav")).to_be_hidden()  # the surrounding page has one
    await desk.get_by_role("button", name="Pause", exact=True).click()
    await expect(phone.locator('[data-notice="paused"]')).to_be_visible()
    await expect(desk.locator('[data-figure="last_in_line"]')).to_have_text("paused: nobody is called")
    await desk.get_by_role("button", name="Resume").click()
    await expect(phone.locator('[data-notice="paused"]')).to_be_hidden()
    await expect(desk.locator("[data-latest]")).to_have_text(re.compile("resumed$"))
    await demo.staff("PATCH", f"/v1/rooms/{room_id}", {"admission_rate_per_minute": 30})
    await expect(phone.locator('[data-fill="wait"]')).to_have_text(re.compile("minute"))
    steps = page.locator("[data-step]")
    await expect(steps).to_have_count(5)
    for n in range(4):
        await expect(steps.nth(n)).to_have_attribute("aria-current", "step")
        await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("button", name="Next")).to_be_disabled()
    assert await shifts(page) == []
    assert await violations(page) == []
    if pytestconfig.getoption("--pictures"):
        await page.screenshot(path=PICTURE)
