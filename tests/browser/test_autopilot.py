"""The autopilot's panel: once switched on it visibly moves the rate, and staff can take over."""

from __future__ import annotations

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.test_cockpit import sign_in

pytestmark = pytest.mark.browser
SLOW_MS = 60_000  # a decision every five seconds, on a machine that may be busy


async def test_the_autopilot_lowers_the_rate_and_staff_take_over(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale(admission_rate_per_minute=300)
    desk = await (await visitor(viewport=ViewportSize(width=1440, height=900))).new_page()
    await sign_in(desk, product, f"/admin/rooms/{room_id}")
    panel, rate = desk.locator("#autopilot"), desk.get_by_label("Admitted per minute", exact=True)
    chip = panel.locator("[data-pilot-state]")
    await expect(chip).to_have_text("off")
    await panel.locator("summary").click()
    await panel.get_by_label("Floor, per minute").fill("60")
    await panel.get_by_label("Ceiling, per minute").fill("3000")
    await panel.get_by_role("button", name="Switch on").click()
    await expect(chip).to_have_text("on")
    await expect(desk.locator("[data-link]")).to_have_text("live")
    report = {"p95_ms": 2_400, "error_rate": 0, "in_flight": 31}
    await product.staff("POST", f"/v1/rooms/{room_id}/origin", report)
    changes = desk.locator("[data-log]")
    await expect(desk.locator('[data-figure="origin_p95"]')).to_be_visible()
    await expect(changes).to_contain_text("rate 300 → 180: p95 2,400 ms of 800", timeout=SLOW_MS)
    await expect(panel.locator('[data-figure="pilot_did"]')).to_contain_text("lowered")
    await expect(rate).not_to_have_value("300")
    await desk.get_by_label("Maximum inside at once", exact=True).fill("50")
    await desk.get_by_role("button", name="Apply").click()
    await expect(changes).to_contain_text("→ 50")
    await expect(chip).to_have_text("on")
    await rate.fill("77")
    await desk.get_by_role("button", name="Apply").click()
    await expect(chip).to_have_text("paused")
    await expect(panel.get_by_text("The rate stays as staff set it.")).to_be_visible()
    await panel.get_by_role("button", name="Resume the autopilot").click()
    await expect(chip).to_have_text("on")
    await expect(panel.get_by_role("button", name="Pause the autopilot")).to_be_visible()
    await expect(changes).to_contain_text("autopilot resumed")
