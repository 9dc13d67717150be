"""Times in a browser: an event's in its own zone plus the visitor's; staff have a single clock."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenContext, Product
from tests.browser.console_pages import open_signed_in_by_form

pytestmark = pytest.mark.browser

# One event in Berlin an hour after clocks are set forward, one an hour after they are set back.
STARTS = {"spring": "2035-03-25T02:00:00Z", "autumn": "2035-10-28T02:00:00Z"}
TOLD = {
    "spring": "Sunday, 25 March 2035, 04:00 (Europe/Berlin)",
    "autumn": "Sunday, 28 October 2035, 03:00 (Europe/Berlin)",
}
YOURS = {  # in the visitor's zone, whose clocks may change on other days or never
    "Europe/Paris": ("", ""),
    "UTC": ("02:00", "02:00"),
    "Asia/Kathmandu": ("07:45", "07:45"),
    "Asia/Tokyo": ("11:00", "11:00"),
    "America/New_York": ("Saturday 24 March 2035 at 22:00", "Saturday 27 October 2035 at 22:00"),
}


async def test_the_visitors_own_time_is_beside_that_of_the_event_where_it_differs(
    visitor: OpenContext, product: Product
) -> None:
    rooms = {
        name: await product.a_sale(event={"starts_at": at, "timezone": "Europe/Berlin"})
        for name, at in STARTS.items()
    }
    for zone, expected in YOURS.items():
        page = await (await visitor(locale="en-GB", timezone_id=zone)).new_page()
        for (name, room_id), yours in zip(rooms.items(), expected, strict=True):
            await page.goto(f"{product.url}/rooms/{room_id}")
            head = page.locator("main").filter(has=page.get_by_text(TOLD[name])).locator(".facts").first
            await expect(head.locator("time")).to_have_text(TOLD[name])
            await expect(page.locator("html[data-runs]")).to_be_attached()
            shown = await head.locator(".yours").all_inner_texts()
            assert [it.strip().replace(",", "") for it in shown] == (
                [f"(your time: {yours})"] if yours else []
            ), (zone, name)
    plain = await (
        await visitor(locale="ja-JP", timezone_id="Asia/Tokyo", java_script_enabled=False)
    ).new_page()
    await plain.goto(f"{product.url}/rooms/{rooms['spring']}")
    await expect(plain.locator(".facts time").first).to_contain_text("04:00 (Europe/Berlin)")
    assert await plain.locator(".yours").count() == 0


async def test_the_console_has_one_clock_with_scripts_and_without(
    visitor: OpenContext, product: Product
) -> None:
    room_id = await product.a_sale(opened=False)
    await product.staff("PATCH", f"/v1/rooms/{room_id}", {"opens_at": "2035-03-25T02:00:00Z"})
    page = await (await visitor(timezone_id="Asia/Kathmandu")).new_page()
    await open_signed_in_by_form(page, product)
    await expect(page.locator("[data-clock]")).to_have_text("Times in Asia/Kathmandu")
    await page.goto(f"{product.url}/admin/rooms/{room_id}")
    await expect(page.locator("[data-log][data-newest]")).to_be_attached()  # rewritten by the script
    change = page.locator("[data-log] li").first
    await expect(change).to_contain_text("opening none → 2035-03-25 07:45:00 UTC+5:45")
    by_script = await change.inner_text()
    answer = await page.request.get(f"{product.url}/admin/rooms/{room_id}")
    parse = "(html) => new DOMParser().parseFromString(html, 'text/html')"
    by_server = await page.evaluate(
        f"(html) => ({parse})(html).querySelector('[data-log] li').textContent", await answer.text()
    )
    assert by_script.split() == by_server.split()
    await page.locator("[data-clock]").click()
    await page.get_by_label("Time zone").select_option("Europe/Berlin")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("[data-clock]")).to_have_text("Times in Europe/Berlin")
